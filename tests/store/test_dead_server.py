"""A server that dies while a run writes to it; test_server.py has those that come back."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from local_server import LocalServer

import repro
from repro.facts.contents import Contents
from repro.record import load
from repro.store.alive import is_live
from repro.store.journaled import Position, batches, events, n_unshipped

DRAIN_SECONDS = 2.0
STEPS = 300


@pytest.fixture(scope="module")
def only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("server")
    made = LocalServer(f"sqlite:///{folder}/mlflow.db", folder)
    yield made
    made.kill()


@pytest.fixture
def server(only_server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    only_server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", only_server.url)
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", DRAIN_SECONDS)
    return only_server


def journal_of(project) -> Path:
    (found,) = {path.parent for path in project.root.rglob("events.jsonl")}
    return found


@pytest.mark.slow
def test_a_server_that_is_lost_costs_seconds_at_the_end_and_no_value(project, server, capsys):
    with repro.tracked_run("orphan", seed=0) as run:
        server.kill()
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
    history = mlflow.MlflowClient().get_metric_history(run.run_id, "loss")
    assert [point.step for point in history] == list(range(n_steps))
    found = mlflow.MlflowClient().get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert "repro.record" in found.data.tags


@pytest.mark.slow
def test_what_neither_the_disk_nor_the_server_takes_is_told_at_the_end(project, server, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with repro.tracked_run("gone", seed=0) as run:
            server.kill()
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            for step in range(STEPS):
                run.log_metrics({"loss": 0.5}, step=step)
        outcome = run.notes
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    lost = f"{STEPS} metric values are lost: neither {journal_of(project)} took them (File too"
    assert any(note.startswith(lost) for note in outcome)
    assert f"repro  warning: {STEPS} metric values are lost: " in capsys.readouterr().err
