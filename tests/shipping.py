"""A shipper that is started in one line, and a store that takes, refuses or hangs."""

import threading
import time

import pytest

from repro.store import shipper
from repro.store.alive import Alive
from repro.store.series_digest import SeriesDigests
from repro.store.shipper import Shipper, Store

DEAD = 10**9


class Sink:
    """Takes points, unless it refuses or hangs; remembers every call."""

    def __init__(self, *, refusals=0, is_there=True):
        self.refusals = refusals
        self.answers = is_there
        self.open = threading.Event()
        self.open.set()
        self.calls = []
        self.points = []

    def send(self, points):
        self.open.wait(20)
        self.calls.append(len(points))
        if len(self.calls) <= self.refusals:
            raise ConnectionError("the store is down\nand a second line")
        self.points += points
        return 0

    @property
    def as_store(self):
        return Store(self.send, lambda: self.answers)

    @property
    def steps(self):
        return [point.step for point in self.points]


@pytest.fixture
def start_shipping(journal, monkeypatch):
    """Starts a shipper to a sink; it is stopped after the test."""
    monkeypatch.setattr(shipper, "FLUSH_SECONDS", 0.005)
    started = []

    def starting(sink=None, send=None, each_time=None, into=None):
        store = Store(send, lambda: True) if send else sink.as_store
        shipping = Shipper(store, into or journal, Alive((into or journal).folder))
        started.append(shipping)
        shipping.start(each_time)
        return shipping

    yield starting
    for shipping in started:
        shipping.drain(0)
        shipping.close()


def digests(points):
    found = SeriesDigests()
    for point in points:
        found.add(point)
    return found.found()


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


def log(shipping, *numbers, name="loss"):
    for step in numbers:
        shipping.log({name: step / 2}, step=step)
