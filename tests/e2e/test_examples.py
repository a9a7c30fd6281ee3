"""The examples run, on smaller settings, as a user would start them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def start(folder, *command, store):
    return subprocess.run(
        [sys.executable, *command],
        cwd=EXAMPLES / folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{store}"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_the_digits_demo_ends_with_a_verdict_and_exactly_two_reasons_against_the_other(
    tmp_path, empty_store
):
    store = tmp_path / "mlflow.db"
    store.write_bytes(empty_store.read_bytes())
    done = start("digits_optimizers", "demo.py", "--seeds", "3", "--epochs", "1", store=store)
    assert done.returncode == 0, done.stderr
    assert "adamw-no-worse-than-sgd    INCONCLUSIVE" in done.stdout  # three seeds are too few
    assert "careless-adamw-beats-sgd    INVALID    2 errors" in done.stdout
    assert "See the runs in MLflow:  make ui" in done.stdout

    audit = ("-m", "repro", "audit", "--format", "json", "--claim", "careless-adamw-beats-sgd")
    done = start("digits_optimizers", *audit, store=store)
    assert done.returncode == 1
    (claim,) = json.loads(done.stdout)["claims"]
    failed = [finding for finding in claim["findings"] if finding["outcome"] == "FAIL"]
    errors = {finding["rule"] for finding in failed if finding["severity"] == "error"}
    assert errors == {"split-differs", "effective-batch"}
    assert claim["comparison"] is None


@pytest.mark.long
def test_the_flight_example_refuses_the_shuffled_split_and_trains_on_the_proved_one(
    tmp_path, empty_store
):
    store = tmp_path / "mlflow.db"
    store.write_bytes(empty_store.read_bytes())
    small = ("--rows", "4000", "--folds", "2", "--test", "12h", "--epochs", "1")
    done = start("flight_delays", "train.py", *small, store=store)
    assert done.returncode == 0, done.stderr
    assert "violated" in done.stdout.partition("GroupTimeSeriesSplit")[0]
    assert "proved" in done.stdout.partition("GroupTimeSeriesSplit")[2]
    assert done.stdout.count("AUC") == 2


@pytest.mark.long
@pytest.mark.slow
def test_seeds_of_repro_run_reach_the_script(project):
    (project.root / "train.py").write_text(
        "import repro\nwith repro.tracked_run() as run:\n    run.log_metrics({'seed': run.seed})\n"
    )
    project.commit()
    command = ("-m", "repro", "run", "--seeds", "3..4", "--", sys.executable, "train.py")
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    records = [project.record(run_id) for run_id in project.history.find_runs()]
    assert [record.replicate.seed for record in records] == [3, 4]
    assert {record.flat["determinism.hash_randomization"] for record in records} == {False}
    assert {record.flat["code.entry_point"] for record in records} == {"train.py"}


@pytest.mark.long
def test_the_difference_of_two_trainings_names_exactly_the_techniques_that_differ(
    tmp_path, empty_store
):
    store = tmp_path / "mlflow.db"
    store.write_bytes(empty_store.read_bytes())
    done = start("techniques", "train.py", "--epochs", "1", store=store)
    assert done.returncode == 0, done.stderr
    first, second = re.search(r"repro diff (\w+) (\w+)", done.stdout).groups()
    diff = start("techniques", "-m", "repro", "diff", first, second, "--json", store=store)
    groups = {group["title"]: group["rows"] for group in json.loads(diff.stdout)["groups"]}
    assert groups.keys() <= {"technique", "configuration"}
    found = {row["path"].partition(".")[0] for row in groups["technique"]}
    assert found == {
        "regularization",  # dropout
        "initialization",
        "normalization",
        "architecture",  # backbone, neck, head
        "compression",  # pruning, quantization
        "lineage",  # transfer
    }
    paths = {row["path"] for row in groups["technique"]}
    assert {"compression.pruning", "compression.quantization"} <= paths
    assert "regularization.dropout.neck.2.p" in paths
    for line in ("lineage.frozen", "+ backbone", "- 1  BatchNorm1d", "compression.pruning"):
        assert line in done.stdout
