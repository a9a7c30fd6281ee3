"""Brings metric values to disk and to MLflow, each from a thread of its own, in batches."""

import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from repro.errors import UsageError
from repro.observe.redaction import masked_text
from repro.store.alive import Alive
from repro.store.journal import Journal
from repro.store.journaled import Position, batches, delete_read, note_shipped, shipped
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests

FLUSH_SECONDS = 0.4  # with what a flush takes, a killed process loses 0.5 s at most
RETRY_SECONDS = 60.0  # the longest pause while a store refuses
MOST_DOUBLINGS = 10  # of the pause; 2**1100 is no float
NO_TIME = "there was no time to send the rest"
ANSWER_SECONDS = 1.0  # a store that takes longer for a batch at the end is silent


@dataclass(frozen=True)
class Store:
    """What the shipper has to know of a store."""

    send: Callable[[list[Point]], int]  # up to 1,000; returns how many it will never take
    is_there: Callable[[], bool]  # within a second


class Shipper:
    """Takes values without waiting; a failing store is tried again, unseen by the caller.

    The journal is the queue: memory stays bounded however long a store is away. One thread writes
    it, another one sends what it has: a store that hangs keeps nothing from the disk.
    """

    def __init__(self, store: Store, journal: Journal, alive: Alive) -> None:
        self.last_error: str | None = None
        self.n_refused = 0  # values that the store will never take
        self.n_left = 0  # values that the journal alone has; after `drain`
        self._store = store
        self._journal = journal
        self._alive = alive
        self._series = SeriesDigests()
        self._sent = self._read = shipped(journal.folder)  # `_sent` is never beyond `_read`
        self._n_sent = self._n_read = self._n_carried = 0
        self._reads = threading.Lock()
        self._stop, self._flushed, self._closed = (threading.Event() for _ in range(3))
        self._is_over = self._is_failing = False
        self._asked_at = math.inf  # when the call began that the store has not answered
        self._deadline = math.inf
        self._process = os.getpid()
        self._writer = threading.Thread(target=self._keep_writing, name="repro-journal")
        self._sender = threading.Thread(target=self._keep_sending, name="repro-shipper")
        self._writer.daemon = self._sender.daemon = True
        self._each_time: Callable[[], None] | None = None
        self._news: Callable[[], None] | None = None

    @property
    def n_lost(self) -> int:
        """Values that neither the disk took nor the store has; after `drain`."""
        return self._journal.n_lost + self._journal.n_unwritten + self._n_carried

    @property
    def is_silent(self) -> bool:
        """Whether the store refuses, or does not answer; one that is slow or behind is not."""
        return self._is_failing or time.monotonic() - self._asked_at > ANSWER_SECONDS

    @property
    def read_to(self) -> Mapping[str, int]:
        """Up to where the values are in `series`, in bytes by name of the file; after `drain`."""
        return self._read.offsets

    def start(self, each_time: Callable[[], None] | None = None) -> None:
        """Begin to send; `each_time` is called on a thread twice a second, and must not raise."""
        self._each_time = each_time
        self._writer.start()
        self._sender.start()

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
        if metrics:
            self._journal.log(metrics, step=step, time_ms=int(time.time() * 1000))

    def tell(self, news: Callable[[], None]) -> None:
        """Have this done on the thread that sends, and again if it fails; the newest replaces."""
        self._news = news

    def drain(self, seconds: float) -> int:
        """Stop after sending what there is, within so many seconds.

        Returns how many values are left in the journal; others see `n_lost` and `n_refused`.
        """
        self._deadline = time.monotonic() + seconds
        self._stop.set()
        if self._writer.is_alive():
            self._flushed.wait(seconds)
        else:
            self._journal.flush()
        self._sender.join(self._seconds_left())
        with self._reads:
            self._is_over = True  # a sender that hangs must not read on beside us
        self._try(self._read_on)
        self.n_left = self._n_read - self._n_sent
        if self.n_left or self.n_lost:
            self.last_error = self.last_error or NO_TIME
        return self.n_left

    def series(self) -> dict[str, tuple[int, str]]:
        """Number of values and digest of each series, sent or not; after `drain`."""
        return self._series.found()

    def close(self) -> None:
        """The run has ended: its journal is nobody's any more."""
        if os.getpid() == self._process:
            self._closed.set()
            if self._writer.is_alive():
                self._writer.join(FLUSH_SECONDS)
            self._alive.close()

    def _keep_writing(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._journal.flush()
            self._alive.beat()
            if self._each_time is not None:
                self._each_time()  # may take its time: what was logged meanwhile must not wait more
                self._journal.flush()
        self._journal.flush()
        self._flushed.set()
        while not self._closed.wait(FLUSH_SECONDS):
            self._alive.beat()

    def _keep_sending(self) -> None:
        chance = random.Random()  # the training's generator is not ours to draw from
        n_failures, next_try = 0, 0.0
        while not self._stop.wait(FLUSH_SECONDS):
            if time.monotonic() < next_try:
                self._try(self._read_on)  # now: the end must not wait for it
                continue
            n_failures = 0 if self._try(self._ship) else n_failures + 1
            next_try = time.monotonic() + pause(n_failures) * chance.uniform(0.5, 1.0)
        self._flushed.wait(self._seconds_left())
        while not self._try(self._ship) and self._seconds_left() and self._store.is_there():
            time.sleep(min(FLUSH_SECONDS, self._seconds_left()))

    def _try(self, do: Callable[[], None]) -> bool:
        try:
            do()
        except Exception as error:  # the boundary: a store's failure becomes a recorded reason
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            self.last_error = masked_text(text)[:200]
            return False
        return True

    def _ship(self) -> None:
        """Send batch after batch: first what was read before and refused, then what is new."""
        folder = self._journal.folder
        for points, position in batches(folder, self._sent, until=self._read):
            self._send(points)
            self._advance(position, len(points))
        for points, position in batches(folder, self._read):
            self._take(points, position)
            self._send(points)
            self._advance(position, len(points))
        while points := self._journal.take_unwritten():
            self._send_from_memory(points)
        self._tell_news()
        self.last_error = None

    def _tell_news(self) -> None:
        """Not at the end: the record comes, and says it all."""
        news = self._news
        if news is None or self._stop.is_set():
            return
        if not self._store.is_there():
            raise ConnectionError("it does not answer")
        news()
        if self._news is news:
            self._news = None

    def _send(self, points: list[Point]) -> None:
        if not self._seconds_left():
            raise TimeoutError(NO_TIME)
        if not self._store.is_there():
            self._is_failing = True
            raise ConnectionError("it does not answer")
        self._asked_at = time.monotonic()
        try:
            self.n_refused += self._store.send(points)
        except Exception:
            self._is_failing = True
            raise
        finally:
            self._asked_at = math.inf
        self._is_failing, self.last_error = False, None

    def _send_from_memory(self, points: list[Point]) -> None:
        """Values that the disk did not take."""
        self._n_carried = len(points)
        try:
            self._send(points)
        except Exception:
            self._journal.give_back(points)
            raise
        finally:
            self._n_carried = 0
        for point in points:
            self._series.add(point)

    def _read_on(self) -> None:
        """Take what was written since, without sending it."""
        for points, position in batches(self._journal.folder, self._read):
            self._take(points, position)

    def _take(self, points: list[Point], position: Position) -> None:
        """Count and digest each value once, however often it is sent."""
        with self._reads:
            if self._is_over and threading.current_thread() is self._sender:
                raise TimeoutError(NO_TIME)
            self._read = position
            self._n_read += len(points)
            for point in points:
                self._series.add(point)

    def _advance(self, position: Position, n_points: int) -> None:
        """Remember how far the store has them; files that it has are not needed any more."""
        self._n_sent += n_points
        self._sent = delete_read(self._journal.folder, position)
        with suppress(OSError):  # a full disk: they are sent again, which changes nothing
            note_shipped(self._journal.folder, self._sent)

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def pause(n_failures: int) -> float:
    """Seconds until the next try, before chance shortens them."""
    if n_failures == 0:
        return 0.0
    return float(min(RETRY_SECONDS, FLUSH_SECONDS * 2 ** min(n_failures, MOST_DOUBLINGS)))
