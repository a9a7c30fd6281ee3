import dataclasses
import threading
import time

import pytest
from mlflow import MlflowClient

from repro.errors import UsageError
from repro.store import shipper
from repro.store.journal import Journal, read
from repro.store.mlflow import OpenRun
from repro.store.shipper import Point, Shipper


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(shipper, "SHIP_SECONDS", 0.005)


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "run.jsonl")
    yield opened
    opened.close()


class Store:
    """Takes points, unless it refuses; remembers every call."""

    def __init__(self, *, refusals=0):
        self.refusals = refusals
        self.calls = []
        self.points = []

    def __call__(self, points):
        self.calls.append(len(points))
        if len(self.calls) <= self.refusals:
            raise ConnectionError("the store is down\nand a second line")
        self.points += points
        return 0


def journalled(journal):
    return [
        (name, value)
        for entry in read(journal.path)
        for name, value in entry.data["values"].items()
    ]


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


def test_points_arrive_in_order_and_nothing_is_left(journal):
    store = Store()
    shipping = Shipper(store, journal)
    for step in range(10):
        shipping.log({"loss": float(step), "lr": 0.1}, step=step)
    assert shipping.drain(5) == 0
    losses = [(p.step, p.value) for p in store.points if p.key == "loss"]
    assert losses == [(step, float(step)) for step in range(10)]
    assert len(journalled(journal)) == 20


def test_points_are_sent_while_the_training_goes_on(journal):
    store = Store()
    shipping = Shipper(store, journal)
    shipping.log({"loss": 1.0}, step=0)
    wait_until(lambda: store.points)
    assert shipping.drain(5) == 0


def test_many_points_go_out_in_batches_that_mlflow_takes(journal):
    store, gate = Store(), threading.Event()
    shipping = Shipper(lambda points: gate.wait(10) and store(points), journal)
    for step in range(2_500):
        shipping.log({"loss": 1.0}, step=step)
    gate.set()
    assert shipping.drain(5) == 0
    assert max(store.calls) == 1_000
    assert [point.step for point in store.points] == list(range(2_500))


def test_a_store_that_refuses_for_a_while_gets_everything_later(journal):
    store = Store(refusals=3)
    shipping = Shipper(store, journal)
    shipping.log({"loss": 1.0}, step=0)
    wait_until(lambda: store.points)
    shipping.log({"loss": 2.0}, step=1)
    assert shipping.drain(5) == 0
    assert [point.value for point in store.points] == [1.0, 2.0]
    assert shipping.last_error == "ConnectionError: the store is down"


def test_the_pause_between_two_tries_grows(journal, monkeypatch):
    monkeypatch.setattr(shipper, "SHIP_SECONDS", 0.02)
    store = Store(refusals=1_000)
    shipping = Shipper(store, journal)
    shipping.log({"loss": 1.0}, step=0)
    time.sleep(0.2)
    assert 1 <= len(store.calls) <= 5
    shipping.drain(0)


def test_a_dead_store_costs_the_time_given_and_no_point(journal):
    shipping = Shipper(Store(refusals=10**9), journal)
    for step in range(5):
        shipping.log({"loss": 1.0, "lr": 0.1}, step=step)
    start = time.monotonic()
    assert shipping.drain(0.05) == 10
    assert time.monotonic() - start < 2
    assert len(journalled(journal)) == 10


def test_a_store_that_hangs_costs_the_time_given_and_no_point(journal):
    release = threading.Event()
    shipping = Shipper(lambda points: int(release.wait(10)), journal)
    shipping.log({"loss": 1.0}, step=0)
    start = time.monotonic()
    assert shipping.drain(0.05) == 1
    assert time.monotonic() - start < 2
    release.set()


def test_after_draining_the_dead_store_is_left_alone(journal):
    store = Store(refusals=10**9)
    shipping = Shipper(store, journal)
    shipping.log({"loss": 1.0}, step=0)
    shipping.drain(0.02)
    shipping._thread.join(5)
    assert not shipping._thread.is_alive()
    n_calls = len(store.calls)
    time.sleep(0.05)
    assert len(store.calls) == n_calls


def test_points_beyond_the_queue_are_in_the_journal_and_counted(journal, monkeypatch):
    monkeypatch.setattr(shipper, "QUEUE_POINTS", 3)
    shipping = Shipper(Store(refusals=10**9), journal)
    for step in range(10):
        shipping.log({"loss": float(step)}, step=step)
    assert shipping.drain(0.02) == 10
    assert len(journalled(journal)) == 10


def test_a_value_after_the_end_is_refused_not_lost_in_silence(journal):
    shipping = Shipper(Store(), journal)
    shipping.drain(5)
    with pytest.raises(UsageError) as caught:
        shipping.log({"loss": 1.0, "lr": 0.1}, step=0)
    assert str(caught.value) == (
        "the run has ended, loss, lr came too late. Log inside the `with` block."
    )


def test_points_that_the_store_never_takes_are_counted_as_left(journal):
    shipping = Shipper(lambda points: len(points) - 1, journal)
    shipping.log({"bad//name": 1.0, "good": 1.0}, step=0)
    assert shipping.drain(5) == 1


@pytest.fixture
def opened(project):
    """A run in a real store."""
    client = MlflowClient(project.uri)
    run = client.create_run(client.create_experiment("tests"))
    info = run.info
    return OpenRun(info.run_id, info.experiment_id, project.uri, False, give_back_uri=lambda: None)


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


def test_a_run_that_cannot_be_ended_gives_the_tracking_uri_back_all_the_same(opened, monkeypatch):
    given_back = []
    broken = dataclasses.replace(opened, give_back_uri=lambda: given_back.append(1))

    def refuse(status):
        raise ConnectionError

    monkeypatch.setattr("mlflow.end_run", refuse)
    with pytest.raises(ConnectionError):
        broken.end("FINISHED")
    assert given_back == [1]
