"""Sends metrics to MLflow from a thread of its own, in batches."""

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repro.errors import UsageError
from repro.store.journal import Journal

BATCH = 1_000  # MLflow's limit for one call
SHIP_SECONDS = 0.5
RETRY_SECONDS = 60.0  # the longest pause while a store refuses
QUEUE_POINTS = 1_000_000  # about 150 MB; beyond, points stay in the journal alone


@dataclass(frozen=True)
class Point:
    """One value of one metric."""

    key: str
    value: float
    timestamp_ms: int
    step: int


Send = Callable[[list[Point]], int]  # returns how many the store will never take


class Shipper:
    """Takes points without waiting; a failing store is tried again, unseen by the caller."""

    def __init__(self, send: Send, journal: Journal) -> None:
        self._send = send
        self._journal = journal
        self._queue: queue.Queue[Point] = queue.Queue(QUEUE_POINTS)
        self._stop = threading.Event()
        self._deadline = math.inf
        self._unshipped: list[Point] = []
        self._n_dropped = 0
        self.last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name="repro-shipper", daemon=True)
        self._thread.start()

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Journal the values and queue them.

        Raises
        ------
        UsageError
            The run has ended.
        """
        if self._stop.is_set():
            raise UsageError(
                f"the run has ended, {', '.join(metrics)} came too late. "
                f"Log inside the `with` block."
            )
        now = int(time.time() * 1000)
        self._journal.append("metrics", {"values": dict(metrics), "step": step, "time": now})
        for key, value in metrics.items():
            try:
                self._queue.put_nowait(Point(key, value, now, step))
            except queue.Full:
                self._n_dropped += 1

    def drain(self, seconds: float) -> int:
        """Stop after sending what is queued, within so many seconds; how many points are left."""
        self._deadline = time.monotonic() + seconds
        self._stop.set()
        self._thread.join(seconds)
        return self._queue.qsize() + len(self._unshipped) + self._n_dropped

    def _run(self) -> None:
        pause = SHIP_SECONDS
        while not self._stop.wait(pause):
            pause = SHIP_SECONDS if self._ship_all() else min(RETRY_SECONDS, 2 * pause)
        while not self._ship_all() and time.monotonic() < self._deadline:
            time.sleep(SHIP_SECONDS)

    def _ship_all(self) -> bool:
        """Send batch after batch until the queue is empty; False when the store refused one."""
        while self._unshipped or not self._queue.empty():
            while len(self._unshipped) < BATCH and not self._queue.empty():
                self._unshipped.append(self._queue.get_nowait())
            try:
                self._n_dropped += self._send(self._unshipped)
            except Exception as error:  # the boundary: a store's failure becomes a recorded reason
                self.last_error = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                return False
            self._unshipped = []
        return True
