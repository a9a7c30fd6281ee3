"""What `repro recover` makes of runs that were killed, or outlived, at an odd moment."""

import os
import shutil
import signal
import time
from contextlib import suppress

import pytest
from mlflow import MlflowClient

import repro
from repro.facts.outcome import Outcome
from repro.recovery import recover_some
from repro.store.journaled import events
from repro.store.journals import read_journal
from repro.store.location import locate
from repro.store.mlflow import OpenRun
from repro.verification import verify

pytestmark = pytest.mark.slow


def recovered(target=None):
    return list(recover_some(target, locate()))


def journals(project):
    return project.root / "mlruns" / "journal"


def status(project, run_id):
    return MlflowClient(project.uri).get_run(run_id).info.status


def is_sealed(project, run_id):
    found = verify(project.history, run_id, [journals(project)])
    return found.is_sealed, found.altered


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(body):
    """Do it in a forked process that it kills."""
    child = os.fork()
    if child == 0:
        try:
            body()
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def only_run(project):
    (run,) = MlflowClient(project.uri).search_runs(
        [project.history.client.get_experiment_by_name("tests").experiment_id]
    )
    return run.info.run_id


@pytest.mark.parametrize("place", ["repro.tracked.Journal", "repro.tracked.Shipper"])
def test_a_run_that_was_killed_while_it_began_is_closed(project, monkeypatch, place):
    def begin():
        monkeypatch.setattr(place, die)
        repro.tracked_run("early", seed=0, quiet=True).__enter__()

    killed(begin)
    run_id = only_run(project)
    assert status(project, run_id) == "RUNNING"
    (found,) = recovered()
    assert (found.problem, found.journal.state) == (None, "orphaned")
    assert status(project, run_id) == "KILLED"
    assert recovered() == []


def test_a_run_whose_resumption_was_killed_at_once_is_again_what_it_was(project, monkeypatch):
    with (
        suppress(ValueError),
        repro.tracked_run("first", seed=0, quiet=True, params={"lr": 1}) as run,
    ):
        run.log_metrics({"loss": 1.0})
        raise ValueError("no data")
    before = MlflowClient(project.uri).get_run(run.run_id)
    record = project.record(run.run_id)

    def resume():
        monkeypatch.setattr("repro.store.earlier_run.OpenRun", die)
        repro.tracked_run(resume=run.run_id, quiet=True).__enter__()

    killed(resume)
    assert status(project, run.run_id) == "RUNNING"
    assert read_journal(journals(project) / run.run_id).left == ("the end",)
    (found,) = recovered()
    assert (found.problem, found.done) == (None, ("ended again as FAILED",))
    after = MlflowClient(project.uri).get_run(run.run_id)
    assert (after.info.status, after.info.end_time) == ("FAILED", before.info.end_time)
    assert project.record(run.run_id) == record
    assert is_sealed(project, run.run_id) == (True, ())
    assert recovered() == []
    with repro.tracked_run(resume=run.run_id, quiet=True) as again:
        again.log_metrics({"loss": 2.0}, step=1)
    assert is_sealed(project, run.run_id) == (True, ())


def test_a_run_whose_journal_is_deleted_while_it_goes_on_is_left_alone(project):
    with repro.tracked_run("living", seed=0, quiet=True) as run:
        folder = journals(project) / run.run_id
        shutil.rmtree(folder)
        limit = time.monotonic() + 10
        while time.monotonic() < limit and not [e for e in events(folder) if e.kind == "facts"]:
            time.sleep(0.05)
        assert [entry.kind for entry in events(folder)][:2] == ["run", "facts"]
        child = os.fork()
        if child == 0:
            os._exit(40 + (read_journal(folder).state == "live"))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 41
    assert project.record(run.run_id).find(Outcome).status == "FINISHED"


def test_a_store_that_is_only_behind_gets_record_and_end(project, monkeypatch):
    send = OpenRun.send

    def slow(self, points):
        time.sleep(0.2)
        return send(self, points)

    monkeypatch.setattr(OpenRun, "send", slow)
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", 0.5)
    monkeypatch.setattr("repro.store.shipper.ANSWER_SECONDS", 60.0)  # slow, and not silent
    with repro.tracked_run("behind", seed=0, quiet=True, params={"lr": 1}) as run:
        for step in range(20_000):
            run.log_metrics({"loss": float(step)}, step=step)
    assert run.shipper.n_left > 0
    assert not [note for note in run.notes if "did not answer" in note]
    assert status(project, run.run_id) == "FINISHED"
    (end,) = [one.data for one in events(journals(project) / run.run_id) if one.kind == "ended"]
    assert (end["is_stored"], end["is_closed"]) == (True, True)
    (found,) = recovered()
    assert found.problem is None
    assert is_sealed(project, run.run_id) == (True, ())


def test_values_of_a_child_that_outlived_the_run_are_told_and_not_shipped(project):
    reader, writer = os.pipe()
    with repro.tracked_run("parent", seed=0, quiet=True) as run:
        run.log_metrics({"loss": 1.0})
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # until the parent has ended the run
            run.log_metrics({"loss": 3.0, "late": 3.0}, step=2)
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert is_sealed(project, run.run_id) == (True, ())
    (found,) = recovered()
    assert found.done == (
        "2 values came after the end, by a process that outlived it, and stay in the journal",
    )
    assert is_sealed(project, run.run_id) == (True, ())
    assert recovered() == []
