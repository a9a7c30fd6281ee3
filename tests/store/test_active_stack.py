"""What MLflow keeps once, under several runs at a time."""

import asyncio
import os
import signal
import threading

import mlflow
import pytest
from mlflow import MlflowClient

import repro
from repro.facts.scores import Scores

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _as_found():
    """No test leaves a run on MLflow's stack, or its own tracking URI."""
    yield
    left = []
    while active := mlflow.active_run():
        left.append(active.info.run_id)
        mlflow.end_run()
    assert left == []
    assert not mlflow.is_tracking_uri_set()


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C comes when MLflow has just begun a run; once."""
    begin = mlflow.start_run

    def begin_and_interrupt(*args, **options):
        run = begin(*args, **options)
        monkeypatch.setattr(mlflow, "start_run", begin)
        signal.raise_signal(signal.SIGINT)
        return run

    def prepare():
        monkeypatch.setattr(mlflow, "start_run", begin_and_interrupt)

    return prepare


def status(project, run_id):
    return MlflowClient(project.uri).get_run(run_id).info.status


def test_ctrl_c_when_mlflow_has_just_begun_the_run_ends_it(project, interrupted):
    interrupted()
    with pytest.raises(KeyboardInterrupt):
        repro.tracked_run("first").__enter__()
    assert mlflow.active_run() is None
    assert not mlflow.is_tracking_uri_set()
    (first,) = project.history.find_runs()
    assert status(project, first) == "KILLED"
    with repro.tracked_run("second") as second:
        assert second.run_id != first


@pytest.mark.parametrize(
    ("error", "ended"), [(KeyboardInterrupt(), "KILLED"), (OSError("full"), "FAILED")], ids=repr
)
def test_a_run_whose_journal_cannot_begin_is_ended(project, monkeypatch, error, ended):
    def broken(*_):
        raise error

    monkeypatch.setattr("repro.tracked.Journal", broken)
    with pytest.raises(type(error)):
        repro.tracked_run("first").__enter__()
    (first,) = project.history.find_runs()
    assert status(project, first) == ended
    assert not mlflow.is_tracking_uri_set()


def test_ctrl_c_in_a_resumption_leaves_the_run_as_it_had_ended(project, interrupted):
    with repro.tracked_run("first") as first:
        pass
    interrupted()
    with pytest.raises(KeyboardInterrupt):
        repro.tracked_run(resume="first").__enter__()
    assert status(project, first.run_id) == "FINISHED"


async def training(name, value, waits):
    """A tracked run in which others run meanwhile; `waits`: how often it lets them."""
    with repro.tracked_run(name, quiet=True) as run:
        for step in range(waits):
            run.log_metrics({name: value + step}, step=step)
            await asyncio.sleep(0)
        return run


def test_tasks_of_one_thread_have_runs_of_their_own(project):
    async def both():
        return await asyncio.gather(training("a", 1.0, 2), training("b", 5.0, 4))

    first, second = asyncio.run(both())
    assert first.run_id != second.run_id
    for run, name, last in ((first, "a", 2.0), (second, "b", 8.0)):
        stored = MlflowClient(project.uri).get_run(run.run_id)
        assert (stored.info.status, stored.data.metrics) == ("FINISHED", {name: last})
        assert "mlflow.parentRunId" not in stored.data.tags
        assert [one.name for one in project.record(run.run_id).find(Scores).logged] == [name]


def test_tasks_inside_a_run_are_its_children_and_not_one_anothers(project):
    async def both():
        return await asyncio.gather(training("a", 1.0, 4), training("b", 5.0, 2))

    with repro.tracked_run("parent") as parent:
        runs = asyncio.run(both())
        assert mlflow.active_run().info.run_id == parent.run_id
    client = MlflowClient(project.uri)
    for run in runs:
        assert client.get_run(run.run_id).data.tags["mlflow.parentRunId"] == parent.run_id


def test_of_two_tasks_in_a_run_of_the_users_one_attaches_to_it(project):
    async def both():
        return await asyncio.gather(training("a", 1.0, 2), training("b", 5.0, 4))

    mlflow.set_tracking_uri(project.uri)
    with mlflow.start_run() as theirs:
        first, second = asyncio.run(both())
        assert mlflow.active_run().info.run_id == theirs.info.run_id
        with repro.tracked_run() as again:
            assert again.run_id == theirs.info.run_id
    mlflow.set_tracking_uri(None)
    assert first.run_id == theirs.info.run_id != second.run_id
    assert status(project, second.run_id) == "FINISHED"


@pytest.mark.parametrize("is_first_left_first", [True, False])
def test_the_tracking_uri_stays_until_the_last_of_two_threads_has_left(
    project, is_first_left_first
):
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    entered, may_leave, left = threading.Event(), threading.Event(), threading.Event()

    def other():
        with repro.tracked_run("other", quiet=True):
            entered.set()
            may_leave.wait(20)
        left.set()

    thread = threading.Thread(target=other)
    if is_first_left_first:
        thread.start()
        entered.wait(20)
    with repro.tracked_run("here", quiet=True) as here:
        if not is_first_left_first:
            thread.start()
            entered.wait(20)
        may_leave.set()
        left.wait(20)
        mlflow.log_metric("theirs", 1.0)
    thread.join()
    assert MlflowClient(project.uri).get_run(here.run_id).data.metrics == {"theirs": 1.0}
    assert not mlflow.is_tracking_uri_set()
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_param_that_mlflow_refuses_keeps_no_others_from_arriving(project):
    params = {f"p{number}": number for number in range(250)} | {"bad\tname": 1, "zz": 2}
    with repro.tracked_run(params=params) as run:
        pass
    stored = MlflowClient(project.uri).get_run(run.run_id).data.params
    assert stored.keys() == params.keys() - {"bad\tname"}
    assert [note for note in run.notes if "params" in note] == [
        "MLflow refuses params for ever: 'bad\\tname'"
    ]
