"""A server that dies, or stops to answer, while a run writes to it."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from browser import _await_health, _free_port, _server

import repro
from repro.facts.contents import Contents
from repro.record import load
from repro.store.alive import is_live
from repro.store.journaled import Position, batches, events, n_unshipped
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests

DRAIN_SECONDS = 2.0
STEPS = 300


class Server:
    """An MLflow server of the test's own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._process = _server(f"sqlite:///{self._folder}/mlflow.db", self.port, self._folder)
        _await_health(self.url, self._process, self._folder / "log")

    def send(self, number: int) -> None:
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait(10)

    def history(self, run_id: str, name: str = "loss") -> list[Point]:
        found = mlflow.MlflowClient(self.url).get_metric_history(run_id, name)
        return [Point(metric.key, metric.value, metric.timestamp, metric.step) for metric in found]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    started = Server(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.url)
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", DRAIN_SECONDS)
    yield started
    started.stop()


def journal_of(project) -> Path:
    (found,) = {path.parent for path in project.root.rglob("events.jsonl")}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
def test_a_server_that_is_lost_costs_seconds_at_the_end_and_no_value(
    project, server, number, capsys
):
    with repro.tracked_run("orphan", seed=0) as run:
        server.send(number)
        begin = time.monotonic()
        for step in range(STEPS):
            run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
        logged = time.monotonic()
    ended = time.monotonic()
    assert logged - begin < 1
    assert ended - logged < DRAIN_SECONDS + 15
    assert mlflow.active_run() is None

    journal = journal_of(project)
    losses = [point.value for points, _ in batches(journal, Position()) for point in points]
    assert losses == [1.0 / (step + 1) for step in range(STEPS)]
    assert n_unshipped(journal) == STEPS
    assert not is_live(journal)
    found = {entry.kind: entry.data for entry in events(journal)}
    assert {"run", "facts", "record", "ended"} <= set(found)
    assert (found["ended"]["is_stored"], found["ended"]["is_closed"]) == (False, False)
    assert found["ended"]["n_left"] == STEPS
    record = load(found["record"]["json"])
    (series,) = record.find(Contents).series
    assert (series.name, series.n_points) == ("loss", STEPS)
    told = capsys.readouterr().err
    assert f"repro  warning: {STEPS} metric values are in {journal} only (" in told
    assert f"`repro recover {run.run_id[:8]}` ships them" in told
    assert "warning: the record was not stored" in told
    assert "warning: the run was not ended" in told


@pytest.mark.slow
@pytest.mark.parametrize("how", ["silent", "restarted"])
def test_a_server_that_comes_back_gets_everything(project, server, monkeypatch, how):
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", 60.0)
    with repro.tracked_run("pause", seed=0, quiet=True) as run:
        server.send(signal.SIGSTOP if how == "silent" else signal.SIGKILL)
        for step in range(STEPS):
            run.log_metrics({"loss": float(step)}, step=step)
        time.sleep(1)
        if how == "silent":
            server.send(signal.SIGCONT)
        else:
            server.start()
    assert run.notes == []
    history = server.history(run.run_id)
    assert [point.value for point in history] == [float(step) for step in range(STEPS)]
    assert mlflow.MlflowClient(server.url).get_run(run.run_id).info.status == "FINISHED"
    assert n_unshipped(journal_of(project)) == 0
    digests = SeriesDigests()
    for point in history:
        digests.add(point)
    found = {entry.kind: entry.data for entry in events(journal_of(project))}
    (series,) = load(found["record"]["json"]).find(Contents).series
    assert {"loss": (series.n_points, series.digest)} == digests.found()


@pytest.mark.slow
def test_a_disk_that_fills_up_costs_neither_the_training_nor_a_value(project, server, monkeypatch):
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", 60.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    n_steps = 15_000
    try:
        with repro.tracked_run("full", seed=0, quiet=True) as run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            for step in range(n_steps):
                run.log_metrics({"loss": 0.5}, step=step)
            while run.shipper._n_sent < 1:
                time.sleep(0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal = journal_of(project)
    assert [note for note in run.notes if "is incomplete" not in note] == []
    assert f"{journal} is incomplete: " in "".join(run.notes)
    assert [point.step for point in server.history(run.run_id)] == list(range(n_steps))
    found = mlflow.MlflowClient(server.url).get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert "repro.record" in found.data.tags


@pytest.mark.slow
def test_what_neither_the_disk_nor_the_server_takes_is_told_at_the_end(project, server, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with repro.tracked_run("gone", seed=0) as run:
            server.send(signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            for step in range(STEPS):
                run.log_metrics({"loss": 0.5}, step=step)
        outcome = run.notes
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    lost = f"{STEPS} metric values are lost: neither {journal_of(project)} took them (File too"
    assert any(note.startswith(lost) for note in outcome)
    assert f"repro  warning: {STEPS} metric values are lost: " in capsys.readouterr().err
