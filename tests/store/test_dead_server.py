"""A server that dies, or stops to answer, while a run writes to it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from browser import _await_health, _free_port, _server

import repro
from repro.store.journal import read

DRAIN_SECONDS = 2.0
STEPS = 300


class Server:
    """An MLflow server of the test's own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = _server(f"sqlite:///{folder}/mlflow.db", self.port, folder)
        _await_health(self.url, self._process, folder / "log")

    def send(self, number: int) -> None:
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    started = Server(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.url)
    monkeypatch.setattr("repro.tracked.DRAIN_SECONDS", DRAIN_SECONDS)
    yield started
    started.stop()


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

    (journal,) = project.root.rglob("*.jsonl")
    entries = list(read(journal))
    losses = [entry.data["values"]["loss"] for entry in entries if entry.kind == "metrics"]
    assert losses == [1.0 / (step + 1) for step in range(STEPS)]
    assert [entry.kind for entry in entries if entry.kind != "metrics"] == [
        "run",
        "record",
        "ended",
    ]
    told = capsys.readouterr().err
    assert f"repro  warning: {STEPS} metric values are in {journal} only" in told
    assert "warning: the record was not stored" in told
    assert "warning: the run was not ended" in told


@pytest.mark.slow
def test_a_server_that_comes_back_gets_everything(project, server, monkeypatch):
    monkeypatch.setattr("repro.tracked.DRAIN_SECONDS", 30.0)
    with repro.tracked_run("pause", seed=0, quiet=True) as run:
        server.send(signal.SIGSTOP)
        for step in range(STEPS):
            run.log_metrics({"loss": float(step)}, step=step)
        time.sleep(1)
        server.send(signal.SIGCONT)
    assert run.notes == []
    history = mlflow.MlflowClient(server.url).get_metric_history(run.run_id, "loss")
    assert [metric.value for metric in history] == [float(step) for step in range(STEPS)]
    assert mlflow.MlflowClient(server.url).get_run(run.run_id).info.status == "FINISHED"
