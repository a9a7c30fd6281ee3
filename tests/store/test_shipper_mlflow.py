"""What is sent to a real store, by this process and an earlier one."""

import dataclasses

import pytest
from journal_values import in_files
from mlflow import MlflowClient
from shipping import Sink, digests, wait_until

from repro.store.journal import points_files
from repro.store.journaled import Position, n_unshipped, note_shipped, shipped
from repro.store.mlflow import OpenRun
from repro.store.point import Point


@pytest.fixture
def opened(project):
    """A run in a real store."""
    client = MlflowClient(project.uri)
    run = client.create_run(client.create_experiment("tests"))
    info = run.info
    return OpenRun(info.run_id, info.experiment_id, project.uri, False, give_back_uri=lambda: None)


def held(opened):
    history = opened.client.get_metric_history(opened.run_id, "loss")
    return sorted((metric.step, metric.value) for metric in history)


def killed_after(journal, n_points):
    """A journal whose process was killed when so many of 10 values had been noted as shipped."""
    for step in range(10):
        journal.log({"loss": step / 2}, step=step, time_ms=step)
        journal.flush()
    (path,) = points_files(journal.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    note_shipped(journal.folder, Position({path.name: len(b"".join(lines[:n_points]))}))


def test_what_was_shipped_by_an_earlier_process_is_not_sent_again(start_shipping, journal):
    killed_after(journal, 4)
    sink = Sink()
    assert start_shipping(sink).drain(10) == 0
    assert sink.steps == list(range(4, 10))


@pytest.mark.parametrize("garble", ["gone", "garbled", "stale"])
def test_without_a_true_position_points_are_sent_again_and_mlflow_holds_each_once(
    start_shipping, journal, opened, garble
):
    killed_after(journal, 4)
    opened.send(in_files(journal.folder)[:6])  # two more were sent than noted
    path = journal.folder / "shipped"
    if garble == "gone":
        path.unlink()
    elif garble == "garbled":
        path.write_bytes(path.read_bytes().replace(b":", b";"))
    shipping = start_shipping(send=opened.send)
    assert shipping.drain(10) == 0
    assert n_unshipped(journal.folder) == 0
    assert held(opened) == [(step, step / 2) for step in range(10)]
    assert shipped(journal.folder) != Position()


def test_sending_twice_leaves_every_point_once(opened):
    points = [Point("loss", value, 1_000, step) for step, value in enumerate((0.5, 0.25))]
    opened.send(points)
    opened.send([*points, *points, Point("loss", float("nan"), 1_000, 2)])
    history = opened.client.get_metric_history(opened.run_id, "loss")
    assert [(metric.step, str(metric.value)) for metric in history] == [
        (0, "0.5"),
        (1, "0.25"),
        (2, "nan"),
    ]


def test_a_name_that_mlflow_does_not_take_keeps_no_other_from_arriving(opened):
    names = ("good", "bad//name", "better", "bad//name")
    assert opened.send([Point(name, 1.0, 1_000, 0) for name in names]) == 2
    metrics = opened.client.get_run(opened.run_id).data.metrics
    assert metrics == {"good": 1.0, "better": 1.0}


def test_values_of_a_run_that_was_deleted_wait_until_it_is_restored(
    start_shipping, opened, journal
):
    opened.client.delete_run(opened.run_id)
    shipping = start_shipping(send=opened.send)
    shipping.log({"loss": 0.5, "lr": 0.1}, step=0)
    wait_until(lambda: shipping.last_error)
    assert "deleted" in shipping.last_error
    assert n_unshipped(journal.folder) == 2
    opened.client.restore_run(opened.run_id)
    assert (shipping.drain(10), shipping.n_refused) == (0, 0)
    assert held(opened) == [(0, 0.5)]


@pytest.mark.slow
def test_what_a_real_store_holds_has_the_digest_of_what_was_shipped(start_shipping, opened):
    shipping = start_shipping(send=opened.send)
    values = (0.5, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324)
    for step in range(60):
        shipping.log({"loss": values[step % 6], "lr": 0.1}, step=step // 4)
        shipping.log({"lr": 0.1}, step=step // 4)
    assert shipping.drain(20) == 0
    history = [
        Point(metric.key, metric.value, metric.timestamp, metric.step)
        for name in ("loss", "lr")
        for metric in opened.client.get_metric_history(opened.run_id, name)
    ]
    assert shipping.series() == digests(history)


def test_a_run_that_cannot_be_ended_gives_the_tracking_uri_back_all_the_same(opened, monkeypatch):
    given_back = []
    broken = dataclasses.replace(opened, give_back_uri=lambda: given_back.append(1))

    def refuse(*_):
        raise ConnectionError

    monkeypatch.setattr("repro.store.mlflow.end_active", refuse)
    with pytest.raises(ConnectionError):
        broken.end("FINISHED")
    assert given_back == [1]
