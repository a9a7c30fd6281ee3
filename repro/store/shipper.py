"""Sends metric values to MLflow from a thread of its own: what the journal has, in batches."""

import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repro.errors import UsageError
from repro.observe.redaction import masked_text
from repro.store.alive import Alive
from repro.store.journal import LINE_VALUES, Journal, points_files
from repro.store.journaled import Position, batches, note_shipped
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests

FLUSH_SECONDS = 0.5  # the most that a killed process loses
RETRY_SECONDS = 60.0  # the longest pause while a store refuses


@dataclass(frozen=True)
class Store:
    """What the shipper has to know of a store."""

    send: Callable[[list[Point]], int]  # up to 1,000; returns how many it will never take
    is_there: Callable[[], bool]  # within a second


class Shipper:
    """Takes values without waiting; a failing store is tried again, unseen by the caller.

    The journal is the queue: memory stays bounded however long a store is away.
    """

    def __init__(self, store: Store, journal: Journal) -> None:
        self.last_error: str | None = None
        self._store = store
        self._journal = journal
        self._alive = Alive(journal.folder)
        self._series = SeriesDigests()
        self._sent = self._digested = Position()
        self._n_refused = 0
        self._stop = threading.Event()
        self._deadline = math.inf
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="repro-shipper", daemon=True)
        self._each_time: Callable[[], None] | None = None

    def start(self, each_time: Callable[[], None] | None = None) -> None:
        """Begin to send; `each_time` is called on the thread twice a second, and must not raise."""
        self._each_time = each_time
        self._thread.start()

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Take the values.

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
        self._journal.log(metrics, step=step, time_ms=int(time.time() * 1000))

    def drain(self, seconds: float) -> int:
        """Stop after sending what there is, within so many seconds; how many values are left."""
        self._deadline = time.monotonic() + seconds
        self._stop.set()
        self._journal.flush()
        self._thread.join(seconds)
        left = sum(len(points) for points, _ in batches(self._journal.folder, self._sent))
        return left + len(self._journal.unwritten) + self._journal.n_lost + self._n_refused

    def series(self) -> dict[str, tuple[int, str]]:
        """Number of values and digest of each series, sent or not; after `drain`."""
        for points, position in batches(self._journal.folder, self._digested):
            self._digest(points, position)
        for point in self._journal.unwritten:
            self._series.add(point)
        return self._series.found()

    def close(self) -> None:
        """The run has ended: its journal is nobody's any more."""
        if os.getpid() == self._process:
            self._alive.close()

    def _run(self) -> None:
        chance = random.Random()  # the training's generator is not ours to draw from
        pause, n_failures = FLUSH_SECONDS, 0
        next_try = 0.0
        while not self._stop.wait(FLUSH_SECONDS):
            if self._each_time is not None:
                self._each_time()
            self._journal.flush()
            self._alive.beat()
            if time.monotonic() < next_try:
                continue
            n_failures = 0 if self._ship() else n_failures + 1
            pause = min(RETRY_SECONDS, FLUSH_SECONDS * 2**n_failures) if n_failures else 0.0
            next_try = time.monotonic() + pause * chance.uniform(0.5, 1.0)
        self._journal.flush()
        while not self._ship() and time.monotonic() < self._deadline and self._store.is_there():
            time.sleep(FLUSH_SECONDS)

    def _ship(self) -> bool:
        """Send batch after batch; False when the store refused one."""
        folder = self._journal.folder
        try:
            for points, position in batches(folder, self._sent):
                self._digest(points, position)
                if not self._store.is_there():
                    raise ConnectionError("it does not answer")
                self._n_refused += self._store.send(points)
                self._advance(position)
            self._ship_unwritten()
        except Exception as error:  # the boundary: a store's failure becomes a recorded reason
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            self.last_error = masked_text(text)[:200]
            return False
        self.last_error = None
        return True

    def _ship_unwritten(self) -> None:
        """Values that the disk did not take go from memory."""
        waiting = self._journal.unwritten
        while waiting:
            points = [waiting[i] for i in range(min(LINE_VALUES, len(waiting)))]
            self._n_refused += self._store.send(points)
            for _ in points:
                self._series.add(waiting.popleft())

    def _digest(self, points: list[Point], position: Position) -> None:
        if position > self._digested:
            self._digested = position
            for point in points:
                self._series.add(point)

    def _advance(self, position: Position) -> None:
        """Remember how far the store has them; files before that are not needed any more."""
        if position <= self._sent:
            return
        self._sent = position
        try:
            note_shipped(self._journal.folder, position)
        except OSError:
            return  # a full disk: they are sent again, which changes nothing
        for path in points_files(self._journal.folder):
            if path.name < position.file:
                path.unlink(missing_ok=True)
