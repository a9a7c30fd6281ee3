"""Killed runs are completed, whoever asks, however often, and wherever it was interrupted."""

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import mlflow
import numpy as np
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from orphans import killed_run

import repro
from repro import observations
from repro.errors import UnknownRun, UsageError
from repro.facts.code import Code
from repro.facts.contents import Contents
from repro.facts.data import Data
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment
from repro.facts.fact import Absent
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.scores import Scores
from repro.recovery import GONE, UNTAKEN, recover_some
from repro.store.journal import Journal
from repro.store.journaled import events
from repro.store.journals import read_journal
from repro.store.location import locate
from repro.store.mlflow import OpenRun

pytestmark = pytest.mark.slow

STEPS = 10


def recovered(target=None, tracking_uri=None):
    return list(recover_some(target, locate(tracking_uri)))


def log_steps(run):
    for step in range(STEPS):
        run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)


def tell(run):
    """Journal the facts as they stand, as the run does every second."""
    while run.seen.is_news:
        run.shipper._each_time()
        time.sleep(0.01)


def journal_of(project, run_id):
    return project.root / "mlruns" / "journal" / run_id


def stored(project, run_id):
    return MlflowClient(project.uri).get_run(run_id)


def losses(project, run_id, uri=None):
    history = MlflowClient(uri or project.uri).get_metric_history(run_id, "loss")
    return sorted((metric.step, metric.value) for metric in history)


EVERY_LOSS = [(step, 1.0 / (step + 1)) for step in range(STEPS)]


def test_a_killed_run_is_completed_as_what_it_was(project):
    run_id = killed_run(log_steps, params={"lr": 0.1}, tags={"arm": "sgd"})
    assert stored(project, run_id).info.status == "RUNNING"
    (found,) = recovered()
    seal = project.record(run_id) and stored(project, run_id).data.tags["repro.record"][7:15]
    assert str(found) == (
        f"killed ({run_id[:8]}): 10 values sent; record stored, sealed {seal}; ended as KILLED"
    )
    run = stored(project, run_id)
    assert run.info.status == "KILLED"
    assert run.data.tags["repro.seed"] == "0"
    assert losses(project, run_id) == EVERY_LOSS
    outcome = project.record(run_id).find(Outcome)
    assert (outcome.status, outcome.reason, outcome.is_recovered) == ("KILLED", GONE, True)
    assert outcome.ended_at.timestamp() * 1000 == run.info.end_time
    assert "**KILLED**" in run.data.tags["mlflow.note.content"]


def test_its_record_has_the_facts_that_were_journaled_and_says_why_not_the_others(
    project, monkeypatch
):
    monkeypatch.setattr(observations, "ENVIRONMENT_SECONDS", float("inf"))  # however slow it is

    def body(run):
        run.log_data(train=np.eye(3))
        run.score(
            "test/sum",
            lambda y, p: float(np.sum(y == p)),
            np.array([1, 2]),
            np.array([1, 3]),
            on="test",
        )
        mlflow.log_param("by_hand", 3)
        mlflow.log_metric("past/us", 0.5, step=4)
        tell(run)

    run_id = killed_run(body, params={"lr": 0.1})
    recovered()
    record = project.record(run_id)
    assert record.find(Params).declared[0].name == "lr"
    assert [(item.name, item.value) for item in record.find(Params).logged] == [("by_hand", "3")]
    assert [role.n_rows for role in record.find(Data).roles] == [3]
    scores = record.find(Scores)
    assert [(score.name, score.value) for score in scores.scored] == [("test/sum", 1.0)]
    assert [(item.name, item.last, item.last_step) for item in scores.logged] == [
        ("past/us", 0.5, 4)
    ]
    assert record.find(Determinism).seed == 0
    assert record.get(Environment) == Absent(reason=UNTAKEN, kind="failed")
    assert {item.name for item in record.find(Contents).series} == {"test/sum", "past/us"}
    assert record.find(Integrity).altered == ()


def test_facts_that_are_told_while_a_score_is_entered_are_told_again(project):
    def body(run):
        enter = run.seen.book._enter

        def slow(*found):
            tell(run)
            enter(*found)

        run.seen.book._enter = slow
        ones = np.ones(2)
        run.score("test/sum", lambda y, p: float(np.sum(y == p)), ones, ones, on="test")
        tell(run)

    run_id = killed_run(body)
    recovered()
    scores = project.record(run_id).find(Scores)
    assert [score.name for score in scores.scored] == ["test/sum"]
    assert len(scores.reads) == 1


def test_the_code_of_a_killed_run_can_be_brought_back(project, tmp_path):
    (project.root / "train.py").write_text("lr = 0.5\n")

    def body(run):
        run.seen.code_state.result(60)
        run.seen.is_news = True
        tell(run)

    run_id = killed_run(body)
    recovered()
    code = project.record(run_id).find(Code)
    assert b"+lr = 0.5" in project.history.artifact(run_id, code.patch)
    assert not (journal_of(project, run_id) / "artifacts").exists()


def test_a_second_recover_has_nothing_to_do(project):
    run_id = killed_run(log_steps)
    recovered()
    assert recovered() == []
    (again,) = recovered(run_id)
    assert str(again) == f"killed ({run_id[:8]}): nothing was left to do"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (OpenRun, "send"),
        (OpenRun, "log_params"),
        (Journal, "append"),
        (OpenRun, "log_inputs"),
        (MlflowClient, "log_artifacts"),
        (OpenRun, "store"),
        (MlflowClient, "set_terminated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_recover_that_was_killed_goes_on_the_next_time(project, monkeypatch, owner, name, when):
    def body(run):
        log_steps(run)
        run.log_data(train=np.eye(3))
        tell(run)

    run_id = killed_run(body, params={"lr": 0.1})
    child = os.fork()
    if child == 0:
        call = getattr(owner, name)

        def dies(*args, **kwargs):
            if when == "after":
                call(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(owner, name, dies)
        recovered()
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it was never there"
    (found,) = recovered()
    assert found.problem is None
    assert losses(project, run_id) == EVERY_LOSS
    run = stored(project, run_id)
    assert (run.info.status, run.data.params) == ("KILLED", {"lr": "0.1"})
    assert len(run.inputs.dataset_inputs) == 1
    assert project.record(run_id).find(Outcome).ended_at.timestamp() * 1000 == run.info.end_time
    sealed = [
        entry.data["seal"]
        for entry in events(journal_of(project, run_id))
        if entry.kind == "record"
    ]
    assert sealed == [run.data.tags["repro.record"]]
    assert recovered() == []


def test_a_live_run_is_left_alone(project):
    with repro.tracked_run("alive", seed=0, quiet=True) as run:
        (found,) = recovered()
        assert str(found) == f"alive ({run.run_id[:8]}): left alone, its process is running"
        assert stored(project, run.run_id).info.status == "RUNNING"
    assert recovered() == []


def test_a_journal_of_another_format_is_left_as_it_is(project):
    run_id = killed_run(log_steps)
    folder = journal_of(project, run_id)
    Journal(folder).append("run", {**read_journal(folder).place, "format": "repro.journal/9"})
    (found,) = recovered()
    assert "'repro.journal/9', this version reads 'repro.journal/1'" in found.problem
    assert stored(project, run_id).info.status == "RUNNING"


def test_two_at_once_do_not_get_in_each_others_way(project):
    run_id = killed_run(log_steps)
    with FileLock(journal_of(project, run_id) / "recovering"):
        (found,) = recovered()
    assert found.problem == "another `repro recover` is at work on it"
    assert stored(project, run_id).info.status == "RUNNING"
    assert recovered()[0].problem is None


def killed_inside_theirs(experiment):
    """Id of a run that was opened by hand, in whose block the process was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        mlflow.start_run(experiment_id=experiment)
        with repro.tracked_run("ours", seed=0, quiet=True, tags={"arm": "baseline"}) as ours:
            MlflowClient().delete_tag(ours.run_id, "arm")  # killed before it was set
            os.write(writer, ours.run_id.encode())
            log_steps(ours)
            ours.shipper._journal.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    return os.read(reader, 100).decode()


@pytest.mark.parametrize(("theirs", "status"), [(None, "KILLED"), ("FAILED", "FAILED")])
def test_a_run_of_someone_elses_is_closed_unless_they_did(project, theirs, status):
    mlflow.set_tracking_uri(project.uri)
    run_id = killed_inside_theirs(MlflowClient().create_experiment("tests"))
    if theirs:
        MlflowClient().set_terminated(run_id, theirs)
    recovered()
    assert stored(project, run_id).info.status == status
    assert losses(project, run_id) == EVERY_LOSS
    assert stored(project, run_id).data.tags["arm"] == "baseline"
    assert project.record(run_id).find(Outcome).is_attached


def test_what_was_built_and_not_stored_is_stored_as_it_was_built(project, monkeypatch):
    def refuse(*_):
        raise ConnectionError("the database is away")

    with monkeypatch.context() as away:
        for name in ("store", "end", "send"):
            away.setattr(OpenRun, name, refuse)
        away.setattr("repro.closing.DRAIN_SECONDS", 0.5)
        with suppress(ValueError), repro.tracked_run("broken", seed=0, quiet=True) as run:
            log_steps(run)
            raise ValueError("no such layer")
    mlflow.end_run()
    mlflow.set_tracking_uri(None)
    (found,) = recovered()
    assert [part.partition(" ")[0] for part in found.done] == ["10", "record", "ended"]
    outcome = project.record(run.run_id).find(Outcome)
    assert (outcome.status, outcome.error) == ("FAILED", "ValueError: no such layer")
    assert not outcome.is_recovered
    known = stored(project, run.run_id).info
    assert (known.status, known.end_time) == ("FAILED", round(outcome.ended_at.timestamp() * 1000))
    assert losses(project, run.run_id) == EVERY_LOSS


def test_a_run_that_said_how_it_ended_before_it_was_killed_ends_like_that(project):
    def body(run):
        log_steps(run)
        at = datetime.now(UTC).isoformat()
        folder = journal_of(project, run.run_id)
        Journal(folder).append("ending", {"status": "FINISHED", "ended_at": at})

    run_id = killed_run(body)
    recovered()
    outcome = project.record(run_id).find(Outcome)
    assert (outcome.status, outcome.reason, outcome.is_recovered) == ("FINISHED", None, False)
    assert stored(project, run_id).info.status == "FINISHED"


def test_the_reason_names_the_signal_that_came_and_the_restart_of_the_machine(project, monkeypatch):
    def body(run):
        Journal(journal_of(project, run.run_id)).append("signal", {"name": "SIGTERM", "at": ""})

    run_id = killed_run(body)
    boot = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("repro.recovery.last_boot", lambda: boot)
    recovered()
    assert project.record(run_id).find(Outcome).reason == (
        f"SIGTERM came, then {GONE}; the machine was started again at {boot:%Y-%m-%d %H:%M:%S} UTC"
    )


def test_a_run_killed_before_it_wrote_where_it_went_is_found_in_the_store_of_its_folder(project):
    run_id = killed_run(log_steps)
    (journal_of(project, run_id) / "events.jsonl").write_bytes(b"0bad0bad garbled\n")
    recovered()
    assert stored(project, run_id).info.status == "KILLED"
    assert losses(project, run_id) == EVERY_LOSS
    assert project.record(run_id).get(Determinism) == Absent(reason=UNTAKEN, kind="failed")


def test_a_run_that_mlflow_has_no_more_is_said_and_the_journal_stays(project):
    run_id = killed_run(log_steps)
    MlflowClient(project.uri).delete_run(run_id)
    (found,) = recovered()
    assert found.problem == (
        f"it was deleted in {project.uri}. `mlflow runs restore --run-id {run_id}` brings it "
        f"back; else delete {journal_of(project, run_id)}."
    )
    assert read_journal(journal_of(project, run_id)).n_unshipped == STEPS


def test_a_store_that_cannot_be_reached_costs_nothing(project):
    run_id = killed_run(log_steps)
    database = project.root / "mlruns" / "mlflow.db"
    database.rename(project.root / "away.db")
    (found,) = recovered()
    assert found.problem == (
        f"there is no store at {database}. Run the training first, or pass --tracking-uri."
    )
    assert not database.exists()
    (project.root / "away.db").rename(database)
    assert recovered()[0].problem is None
    assert losses(project, run_id) == EVERY_LOSS


def test_a_run_is_named_by_its_id_a_beginning_of_it_its_name_or_its_folder(project, tmp_path):
    run_id = killed_run(log_steps, "first")
    other = killed_run(log_steps, "second")
    assert [found.journal.run_id for found in recovered(run_id[:12])] == [run_id]
    assert [found.journal.run_id for found in recovered("second")] == [other]
    assert [found.journal.run_id for found in recovered(str(journal_of(project, other)))] == [other]
    folder = journal_of(project, other).parent
    assert [found.journal.run_id for found in recovered(str(folder))] == [run_id, other]
    with pytest.raises(UnknownRun) as caught:
        recovered("third")
    assert str(caught.value) == (
        f"no journal goes by 'third'; the newest journals here: {run_id[:8]} first, "
        f"{other[:8]} second. Pass a run id, a run name, or a folder of journals."
    )
    with pytest.raises(UsageError, match="holds no journal"):
        recovered(str(tmp_path))


def test_a_relative_database_is_found_from_another_working_directory(
    project, monkeypatch, tmp_path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlruns/mlflow.db")
    run_id = killed_run(log_steps)
    monkeypatch.chdir(tmp_path)
    (found,) = recovered(str(journal_of(project, run_id)))
    assert found.problem is None
    assert losses(project, run_id) == EVERY_LOSS
