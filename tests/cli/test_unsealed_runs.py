"""`repro show` and `repro verify` of runs that have no record."""

import os
import re

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from orphans import killed_run

import repro
from repro.cli.main import main

pytestmark = pytest.mark.slow

SIGN = r"last sign of life \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def output(*words):
    return CliRunner().invoke(main, list(words)).stdout


@pytest.mark.parametrize("words", [("show",), ("show", "--all"), ("verify",)])
def test_of_an_orphan_they_say_that_its_process_is_gone_and_what_to_do(project, words):
    run_id = killed_run(lambda run: run.log_metrics({"loss": 0.5}), "orphan")
    told = output(*words, run_id)
    what = rf"its process is gone \({SIGN}\): `repro recover {run_id[:8]}`"
    assert re.search(what, told)
    assert "seal " not in told
    assert words == ("show", "--all") or "not tracked by repro" not in told


@pytest.mark.parametrize("word", ["show", "verify"])
def test_of_a_run_that_goes_on_they_say_so(project, word):
    with repro.tracked_run("alive", seed=0, quiet=True) as run:
        told = output(word, run.run_id)
    assert re.search(rf"it is running \(process {os.getpid()}, {SIGN}\)", told)
    assert "seal " not in told


def test_of_a_run_whose_seal_was_deleted_show_names_verify(project):
    with repro.tracked_run("whole", seed=0, quiet=True) as run:
        pass
    MlflowClient(project.uri).delete_tag(run.run_id, "repro.record")
    assert "not sealed: its seal, the tag repro.record, is gone; `repro verify`" in output(
        "show", run.run_id
    )
