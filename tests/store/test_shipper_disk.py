"""What a shipper leaves on the disk and in memory, and what it does when the disk is full."""

import json
import resource
import subprocess
import sys
import threading
import time

import pytest
from shipping import DEAD, Sink, digests, log, wait_until

from repro.store import journal as journal_file
from repro.store import shipper
from repro.store.journal import Journal, points_files
from repro.store.journaled import n_unshipped


def test_files_that_the_store_has_are_deleted(start_shipping, tmp_path):
    journal = Journal(tmp_path / "small", rotate_bytes=300)
    sink = Sink()
    shipping = start_shipping(sink, into=journal)
    for step in range(400):
        log(shipping, step)
        journal.flush()
    assert shipping.drain(10) == 0
    assert sink.steps == list(range(400))
    assert len(points_files(journal.folder)) == 1
    assert n_unshipped(journal.folder) == 0
    assert shipping.series() == digests(sink.points)
    journal.close()


def test_a_full_disk_does_not_keep_files_that_the_store_has(start_shipping, tmp_path, monkeypatch):
    def full(folder, position):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shipper, "note_shipped", full)
    journal = Journal(tmp_path / "small", rotate_bytes=300)
    sink = Sink()
    shipping = start_shipping(sink, into=journal)
    for step in range(50):
        log(shipping, step)
        journal.flush()
    assert shipping.drain(10) == 0
    assert len(points_files(journal.folder)) == 1
    journal.close()


def test_a_disk_that_hangs_costs_the_time_given(start_shipping, journal, monkeypatch):
    works, flush = threading.Event(), journal.flush
    monkeypatch.setattr(journal, "flush", lambda: works.wait(20) and flush())
    shipping = start_shipping(Sink())
    log(shipping, 0)
    begin = time.monotonic()
    shipping.drain(0.05)
    shipping._sender.join(5)
    assert time.monotonic() - begin < 5
    assert not shipping._sender.is_alive()
    assert shipping.n_lost == 1
    works.set()
    wait_until(shipping._flushed.is_set)


# --- a full disk ---


@pytest.fixture
def full_disk():
    """No file can grow: `/dev/full` would never end to be read."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_what_a_full_disk_refuses_reaches_a_store_that_works(start_shipping, journal):
    sink = Sink()
    shipping = start_shipping(sink)
    log(shipping, *range(2_500))
    assert shipping.drain(10) == 0
    assert sorted(sink.steps) == list(range(2_500))
    assert (shipping.n_lost, journal.failure) == (0, "File too large")
    assert shipping.series() == digests(sink.points)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("is_there", [True, False])
def test_what_neither_disk_nor_store_takes_is_counted(
    start_shipping, journal, monkeypatch, is_there
):
    monkeypatch.setattr(journal_file, "KEPT_POINTS", 1_200)
    sink = Sink(refusals=DEAD, is_there=is_there)
    shipping = start_shipping(sink)
    log(shipping, *range(3_000))
    wait_until(lambda: shipping.last_error)
    assert shipping.drain(1) == 0
    assert shipping.n_lost == 3_000
    assert journal.n_unwritten == 1_200
    assert shipping.series() == {}
    assert is_there or sink.calls == []


@pytest.mark.usefixtures("full_disk")
def test_values_that_a_store_hangs_on_while_the_disk_is_full_count_as_lost(start_shipping, journal):
    sink = Sink()
    sink.open.clear()
    shipping = start_shipping(sink)
    log(shipping, 0, 1, 2)
    wait_until(lambda: shipping._n_carried == 3)
    assert (shipping.drain(0.05), shipping.n_lost) == (0, 3)
    sink.open.set()


LIMITED = """
import json, resource, signal, sys, time
from pathlib import Path
from repro.store import journal as journal_file
from repro.store.alive import Alive
from repro.store.journal import Journal
from repro.store.shipper import Shipper, Store

arrived = []
def send(points):
    arrived.extend(point.step for point in points)
    return 0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
journal = Journal(Path(sys.argv[1]))
shipping = Shipper(Store(send, lambda: True), journal, Alive(journal.folder))
shipping.start()
slowest = 0.0
for step in range(5_000):
    before = time.monotonic()
    shipping.log({"loss": 0.5}, step=step)
    slowest = max(slowest, time.monotonic() - before)
left = shipping.drain(20)
journal.close(), shipping.close()
print(json.dumps([sorted(arrived) == list(range(5_000)), left, shipping.n_lost, journal.failure]))
"""


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_costs_no_value_while_the_store_works(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "run")],
        check=True,
        capture_output=True,
        text=True,
    )
    everything, left, n_lost, failure = json.loads(done.stdout)
    assert (everything, left, n_lost) == (True, 0, 0)
    assert failure


# --- memory ---

MEMORY = """
import json, sys, tracemalloc
from pathlib import Path
from repro.store import journal, shipper
from repro.store.alive import Alive
from repro.store.journal import Journal
from repro.store.shipper import Shipper, Store

def send(points):
    raise ConnectionError("down")
opened = Journal(Path(sys.argv[1]), rotate_bytes=2**20)
shipping = Shipper(Store(send, lambda: True), opened, Alive(opened.folder))
shipping.start()
def log(numbers):
    for step in numbers:
        shipping.log({"loss": 0.5}, step=step)
log(range(20_000))
tracemalloc.start()
log(range(20_000, 120_000))
opened.flush()
kept, peak = tracemalloc.get_traced_memory()
tracemalloc.stop()
print(json.dumps([kept / 2**20, peak / 2**20, shipping.drain(0.1)]))
"""


@pytest.mark.slow
def test_memory_does_not_grow_while_the_store_is_dead(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "run")],
        check=True,
        capture_output=True,
        text=True,
    )
    kept, peak, left = json.loads(done.stdout)
    assert left == 120_000
    assert (kept < 4, peak < 15) == (True, True), (kept, peak)
