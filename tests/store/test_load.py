import math
import shutil
import time

import mlflow
import pytest
from mlflow import MlflowClient

import repro
from repro.errors import RecordCorrupt, StoreUnavailable, UnknownRun
from repro.facts import fact_types
from repro.facts.determinism import Determinism
from repro.facts.fact import Absent
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.scores import Scores
from repro.store.load import open_history
from repro.store.location import Location, locate
from repro.store.mlflow import probe


@pytest.fixture
def client(project):
    """A client of the project's store, which holds the experiment `tests`."""
    found = MlflowClient(project.uri)
    found.create_experiment("tests", artifact_location=str(project.root / "mlruns" / "artifacts"))
    return found


@pytest.fixture
def start(client, project):
    """Starts a run that repro knows nothing of."""
    times = iter(range(1_000, 2_000))

    def start_run(name, **tags):
        experiment = client.get_experiment_by_name("tests").experiment_id
        return client.create_run(
            experiment, start_time=next(times), run_name=name, tags=tags
        ).info.run_id

    return start_run


@pytest.mark.slow
def test_a_tracked_run_is_read_back_as_it_was_recorded(project):
    with repro.tracked_run("first", seed=3, params={"lr": 0.1}, quiet=True) as run:
        pass
    record = open_history(locate()).record(run.run_id)
    assert (record.run_id, record.name, record.replicate.seed) == (run.run_id, "first", 3)
    assert record.find(Params).declared == (Param(name="lr", value=0.1),)


def test_of_a_run_without_a_record_is_known_what_mlflow_knows(project, client, start):
    run_id = start("plain")
    client.log_param(run_id, "depth", 4)
    client.log_metric(run_id, "loss", math.nan, step=2)
    client.log_metric(run_id, "accuracy", 0.5, step=7)
    client.set_terminated(run_id, "FAILED", end_time=3_000)
    record = project.record(run_id)
    assert record.facts.keys() == fact_types().keys()
    assert record.find(Params).logged == (Param(name="depth", value="4"),)
    scores = record.find(Scores)
    assert scores.value("accuracy") == 0.5
    assert {series.name: series.last_step for series in scores.logged} == {"loss": 2, "accuracy": 7}
    outcome = record.find(Outcome)
    assert (outcome.status, outcome.started_at.timestamp()) == ("FAILED", 1.0)
    assert outcome.ended_at.timestamp() == 3.0
    others = [f for f in record.facts.values() if isinstance(f, Absent)]
    assert set(others) == {
        Absent(reason="the run was not tracked by repro, or has not ended", kind="not_recorded"),
        Absent(reason="the run has no record that was sealed", kind="not_applicable"),
    }
    assert len(others) == len(fact_types()) - 3


def test_a_run_that_has_not_ended_is_running(project, start):
    outcome = project.record(start("plain")).find(Outcome)
    assert (outcome.status, outcome.ended_at) == ("RUNNING", None)


def test_runs_are_found_by_a_filter_oldest_first_whatever_their_status(project, client, start):
    ids = [start(f"run {i}", arm="a" if i % 2 else "b") for i in range(4)]
    client.set_terminated(ids[1], "KILLED")
    client.delete_run(ids[2])
    assert project.history.find_runs() == [ids[0], ids[1], ids[3]]
    assert project.history.find_runs("tags.arm = 'a'") == [ids[1], ids[3]]
    assert project.history.find_runs("tags.arm = 'c'") == []


def test_more_runs_than_fit_on_a_page_are_found(project, start, monkeypatch):
    monkeypatch.setattr("repro.store.load.PAGE", 2)
    ids = [start(f"run {i}") for i in range(5)]
    assert project.history.find_runs() == ids


def test_a_filter_that_mlflow_rejects_is_quoted_with_its_reason(project, client):
    with pytest.raises(UnknownRun) as caught:
        project.history.find_runs("arm = sgd or 1")
    message = str(caught.value)
    assert message.startswith("MLflow does not understand the filter 'arm = sgd or 1': Invalid")


def test_a_run_goes_by_its_id_the_beginning_of_it_or_its_name(project, start):
    ids = [start("first"), start("second")]
    resolve = project.history.resolve
    assert [resolve(ids[0]), resolve(ids[0][:8]), resolve("second")] == [ids[0], ids[0], ids[1]]


def test_of_several_runs_of_one_name_the_newest_is_meant(project, start):
    start("same")
    newest = start("same")
    assert project.history.resolve("same") == newest


def test_a_name_that_nobody_bears_is_answered_with_those_there_are(project, start):
    ids = [start(f"run {i}") for i in range(6)]
    with pytest.raises(UnknownRun) as caught:
        project.history.resolve("nothing")
    newest = ", ".join(f"{run_id[:8]} run {i}" for i, run_id in enumerate(ids) if i)
    assert str(caught.value) == (
        f"no run goes by 'nothing' in experiment 'tests'; its newest runs: {newest}. "
        f"Pass a run id or a run name."
    )


def test_without_any_run_there_is_none_to_name(project, client):
    with pytest.raises(UnknownRun) as caught:
        project.history.resolve("nothing")
    assert str(caught.value) == (
        "no run goes by 'nothing' in experiment 'tests'; its newest runs: none. "
        "Pass a run id or a run name."
    )


def test_a_name_is_not_taken_for_the_short_beginning_of_another_runs_id(project, start):
    beginning = start("first")[:2]
    named = start(beginning)
    assert project.history.resolve(beginning) == named


def test_a_name_that_begins_another_runs_id_is_refused(project, start):
    first = start("first")
    start(first[:8])
    with pytest.raises(UnknownRun, match=f"and begins the id of {first[:12]} first"):
        project.history.resolve(first[:8])


def test_an_id_that_the_store_does_not_know_is_refused(project, client):
    with pytest.raises(UnknownRun) as caught:
        project.record("0" * 32)
    assert str(caught.value) == (
        f"the store has no run '{'0' * 32}': Run with id={'0' * 32} not found"
    )


def test_a_database_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mlruns" / "mlflow.db"
    with pytest.raises(StoreUnavailable) as caught:
        open_history(Location(f"sqlite:///{path}", tmp_path, None))
    assert str(caught.value) == (
        f"there is no store at {path}. Run the training first, or pass --tracking-uri."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_mlflows_default_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(None)
    with pytest.raises(StoreUnavailable, match="there is no store at"):
        open_history(locate())
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_that_is_not_there_is_answered_with_those_there_are(project, client):
    with pytest.raises(StoreUnavailable) as caught:
        open_history(locate(), "nothing")
    assert str(caught.value) == (
        f"{project.uri} has no experiment 'nothing'; it has: Default, tests. "
        f"Name one with --experiment, or run the training first."
    )


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_text("no database")
    with pytest.raises(StoreUnavailable) as caught:
        open_history(Location(f"sqlite:///{path}", tmp_path, None))
    assert str(caught.value).startswith(f"sqlite:///{path} cannot be read: ")


def test_a_server_that_is_down_is_refused_at_once_and_named_without_credentials(tmp_path):
    start = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        open_history(Location("http://me:hunter2@127.0.0.1:9", tmp_path, None))
    assert time.monotonic() - start < 5
    assert str(caught.value) == (
        "http://127.0.0.1:9 cannot be read: [Errno 111] Connection refused"
    )


def test_a_server_behind_a_proxy_is_not_tried_without_it(monkeypatch):
    with pytest.raises(OSError, match="refused"):
        probe("http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    probe("http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(OSError, match="refused"):
        probe("http://127.0.0.1:9")


@pytest.mark.slow
def test_a_sealed_record_of_an_older_version_is_upgraded_not_refused(project, monkeypatch):
    with repro.tracked_run(seed=3, quiet=True) as run:
        pass
    monkeypatch.setattr(Determinism, "VERSION", Determinism.VERSION + 1)
    monkeypatch.setattr(
        Determinism, "upgrade", classmethod(lambda cls, version, data: {**data, "seed": 7})
    )
    assert project.record(run.run_id).find(Determinism).seed == 7


@pytest.mark.slow
def test_a_record_that_was_lost_or_damaged_is_named(project):
    with repro.tracked_run(quiet=True) as run:
        pass
    (file,) = (project.root / "mlruns").rglob("record.json")
    file.write_text(file.read_text()[:100])
    with pytest.raises(RecordCorrupt, match="is not the one that was sealed"):
        project.record(run.run_id)
    shutil.rmtree(file.parent)
    with pytest.raises(RecordCorrupt) as caught:
        project.record(run.run_id)
    assert str(caught.value).startswith(
        f"repro/record.json of run {run.run_id[:8]} cannot be fetched: "
    )
