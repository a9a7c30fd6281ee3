"""Runs that were killed, or whose tags were changed, are still found to be of an arm."""

import os
import signal
import time

import numpy as np
import pytest
from fake_history import POLICY, outcome
from mlflow import MlflowClient
from orphans import killed_run

import repro
from repro.audit.finding import Outcome
from repro.audit.rule import Severity
from repro.claims import Claim
from repro.history import INFRA, Launch
from repro.judge import judge

pytestmark = pytest.mark.slow

CLAIM = Claim(
    name="b-beats-a",
    baseline="tags.arm = 'a'",
    candidate="tags.arm = 'b'",
    metric="test/right",
    direction="higher",
    treatment=("params.lr",),
    replicates=2,
)
ROWS = np.arange(12.0).reshape(6, 2)


def right(y_true, y_pred):
    return float(np.mean(y_true == y_pred))


def train(run: repro.Run, lr: float, seed: int) -> None:
    run.log_data(train=ROWS, test=ROWS + 100)
    found = np.array([1.0, 1, 1, lr, seed])
    run.score("test/right", right, np.ones(5), found, on="test", greater_is_better=True)


def options(arm: str, lr: float) -> dict:
    return {"params": {"lr": lr}, "tags": {"arm": arm}, "quiet": True}


def two_arms(project) -> list[str]:
    """Two seeds of each arm; the ids of the candidate's."""
    for arm, lr in (("a", 0.1), ("b", 1.0)):
        for seed in (1, 2):
            with repro.tracked_run(seed=seed, **options(arm, lr)) as run:
                train(run, lr, seed)
    return list(project.history.find_runs("tags.arm = 'b'"))


def said(project, rule: str):
    return outcome(judge(CLAIM, project.history, POLICY), rule)


def test_a_run_that_goes_on_is_a_note_and_one_that_was_killed_is_missing(project):
    two_arms(project)
    child = os.fork()
    if child == 0:
        try:
            with repro.tracked_run(seed=9, **options("other", 1.0)) as run:
                train(run, 1.0, 9)
                time.sleep(60)
        finally:
            os._exit(1)
    try:
        (listed,) = wait_until(lambda: [one for one in unended(project) if "tree" in one.begun])
        told = said(project, "failed-runs-missing")
        assert (told.severity, listed.is_live) == (Severity.NOTE, True)
        assert told.message == (
            f"candidate: 1 run of its configuration is still running: {listed.run_id[:8]} RUNNING"
        )
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    told = said(project, "failed-runs-missing")
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)  # of two seeds
    assert told.message == (
        "candidate: 1 run of its configuration did not finish and is left out: "
        f"{listed.run_id[:8]} RUNNING"
    )


def unended(project) -> list[Launch]:
    return [one for one in project.history.launches() if not one.is_finished]


def wait_until(find):
    deadline = time.monotonic() + 30
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def test_a_run_that_was_killed_at_once_may_be_of_the_arm_that_declares_what_it_did(project):
    two_arms(project)
    killed_run(lambda run: None, params={"lr": 7.0})
    assert said(project, "failed-runs-missing").outcome is Outcome.PASS
    lost = killed_run(lambda run: None, params={"lr": 1.0})
    told = said(project, "failed-runs-missing")
    assert (told.outcome, told.message) == (
        Outcome.UNKNOWN,
        f"candidate: 1 run may be of its configuration, and left too little to tell: "
        f"{lost[:8]} RUNNING",
    )
    MlflowClient(project.uri).set_tag(lost, INFRA, "the node was lost")
    assert said(project, "failed-runs-missing").severity is Severity.NOTE


FORGED = {
    "repro.replay_of": "0" * 32,
    "repro.cross_validation": "0.5",
    "repro.setup": '{"code":"00000000","tree":"00000000","params":"00000000"}',
    "repro.data": "00000000",
    "repro.seed": "1",
}


def test_a_run_is_not_hidden_by_what_its_sealed_record_contradicts(project):
    client = MlflowClient(project.uri)
    two_arms(project)
    with repro.tracked_run(seed=3, **options("other", 1.0)) as run:
        train(run, 1.0, 3)
    sealed = client.get_run(run.run_id).data.tags
    for tag, value in FORGED.items():
        client.set_tag(run.run_id, tag, value)
        told = said(project, "seed-selection")
        assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.ERROR)
        assert f"{run.run_id[:8]} (seed 3; altered since it was sealed: {tag})" in told.message
        client.delete_tag(run.run_id, tag)
        if tag in sealed:
            assert f"sealed: {tag})" in said(project, "seed-selection").message  # nor by none
            client.set_tag(run.run_id, tag, sealed[tag])
    client.set_terminated(run.run_id, "FAILED")
    client.set_tag(run.run_id, INFRA, "the node was lost")
    told = said(project, "seed-selection")
    assert "(seed 3; altered since it was sealed: status)" in told.message
