import json
from dataclasses import replace

import pytest
from fake_history import CLAIM, POLICY, sgd_and_adamw
from mlflow import MlflowClient

from repro.history import LOOKS
from repro.judge import judge
from repro.store.verdict_tags import write_verdicts


@pytest.fixture
def run_ids(project):
    """Two runs in a real store."""
    client = MlflowClient(project.uri)
    experiment = client.create_experiment("tests")
    return [client.create_run(experiment).info.run_id for _ in range(2)]


def judged(name, run_ids):
    """A judgement whose runs are these."""
    judgement = judge(CLAIM.model_copy(update={"name": name}), sgd_and_adamw(), POLICY)
    runs = [replace(run, run_id=i) for run, i in zip(judgement.runs, run_ids, strict=False)]
    return replace(judgement, runs=tuple(runs))


def tag(project, run_id):
    return MlflowClient(project.uri).get_run(run_id).data.tags.get("repro.audit")


def test_a_run_bears_the_verdict_word_first_of_every_claim_it_took_part_in(project, run_ids):
    first, second = judged("first", run_ids), judged("second", run_ids[:1])
    write_verdicts(project.history, [first, second])
    verdict = first.verdict.value
    assert tag(project, run_ids[0]) == f"{verdict} first; {verdict} second"
    assert tag(project, run_ids[1]) == f"{verdict} first"


def test_the_last_audit_replaces_what_an_earlier_one_said(project, run_ids):
    write_verdicts(project.history, [judged("old", run_ids)])
    write_verdicts(project.history, [judged("new", run_ids)])
    assert tag(project, run_ids[0]).endswith(" new")


def test_a_store_that_refuses_is_reported_and_stops_nobody(project, run_ids, capsys):
    write_verdicts(project.history, [judged("claim", ["0" * 32])])
    assert capsys.readouterr().err.startswith("repro  the verdicts were not written to the runs: ")


def test_the_first_audit_that_showed_numbers_of_a_claim_stays_on_its_runs(project, run_ids):
    write_verdicts(project.history, [judged("first", run_ids)])
    kept = looks(project, run_ids[0])
    assert list(kept) == ["first"]
    write_verdicts(project.history, [judged("first", run_ids), judged("second", run_ids[:1])])
    assert looks(project, run_ids[0])["first"] == kept["first"]
    assert [list(looks(project, run_id)) for run_id in run_ids] == [["first", "second"], ["first"]]


def test_an_audit_without_numbers_was_no_look(project, run_ids):
    invalid = replace(judged("first", run_ids), comparison=None)
    write_verdicts(project.history, [invalid])
    assert looks(project, run_ids[0]) == {}


def looks(project, run_id):
    return json.loads(MlflowClient(project.uri).get_run(run_id).data.tags.get(LOOKS, "{}"))
