"""The append-only files under each run, written before MLflow is.

A folder for each run::

    events.jsonl            what happened: run, params, facts, scores, record, ended
    points-0001.jsonl       metric values; another file begins when one is full
    points-0001.4711.jsonl  those of the forked process 4711
    shipped                 how far MLflow has them
    alive, held             a sign of life every few seconds, and a lock while the process lives
    artifacts/              files that MLflow does not have yet

One entry a line: a checksum, a space, and JSON. A torn line is left out when it is read. Each file
of metric values has one writer: when it begins another, the one before is complete.
"""

import json
import os
import threading
import weakref
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from repro.store.point import Point

FORMAT = "repro.journal/1"
EVENTS = "events.jsonl"
POINTS = "points"
ROTATE_BYTES = 64 * 2**20
LINE_VALUES = 1_000  # in one line: what MLflow takes in one call
INLINE_STEPS = 10_000  # that wait for the thread which flushes; beyond, the caller does
KEPT_POINTS = 1_000_000  # in memory, about 150 MB, while the disk takes no more

Step = tuple[int, int, Mapping[str, float]]  # step, time in ms, values by name


class Journal:
    """Appends from any thread, and from forked children; what was written survives the process.

    Events are handed to the operating system at once, metric values at the next `flush`, which a
    thread calls. A disk that takes no more must not end a training: why it refused is kept in
    `failure`, and values that are nowhere else in memory, until it takes them.
    """

    def __init__(self, folder: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.folder = folder
        self.failure: str | None = None
        self.n_lost = 0  # values that neither the disk took nor the memory could keep
        self._rotate_bytes = rotate_bytes
        self._steps: deque[Step] = deque()
        self._unwritten: deque[Point] = deque()
        self._is_child = self._is_closed = False
        self._make_locks()
        self._events = _Lines(folder / EVENTS)
        self._points = _Lines(_newest(folder, writer=""))
        _renew_in_children(self)

    @property
    def n_unwritten(self) -> int:
        """How many values are in memory alone: not flushed, or refused by the disk."""
        waiting = sum(len(values) for _, _, values in tuple(self._steps))
        return waiting + len(self._unwritten)

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write one event."""
        with self._writes_events:
            self._write(self._events, kind, data)

    def log(self, values: Mapping[str, float], *, step: int, time_ms: int) -> None:
        """Take metric values, which the next `flush` writes; in a forked child, write them."""
        if len(values) > LINE_VALUES:
            items = list(values.items())
            for start in range(0, len(items), LINE_VALUES):
                part = dict(items[start : start + LINE_VALUES])
                self.log(part, step=step, time_ms=time_ms)
            return
        self._steps.append((step, time_ms, values))
        if self._is_child:
            self.flush()
        elif len(self._steps) >= INLINE_STEPS and self._writes_points.acquire(blocking=False):
            try:  # whoever has the lock flushes already: another thread, or this one, interrupted
                self._flush()
            finally:
                self._writes_points.release()

    def flush(self) -> None:
        """Write what was logged."""
        with self._writes_points:
            self._flush()

    def take_unwritten(self) -> list[Point]:
        """Up to 1,000 values that the disk refused: theirs who takes them."""
        taken: list[Point] = []
        with suppress(IndexError):
            while len(taken) < LINE_VALUES:
                taken.append(self._unwritten.popleft())
        return taken

    def give_back(self, points: list[Point]) -> None:
        """Keep these values, which were taken in vain."""
        self._unwritten.extendleft(reversed(points))

    def close(self) -> None:
        """Write what was logged, to the disk itself; a second close does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self.flush()
        for lines in (self._points, self._events):
            lines.close()

    def _flush(self) -> None:
        if self._points.is_gone or self._points.n_bytes >= self._rotate_bytes:
            self._points.close()
            self._points = _Lines(_next_file(self._points.path))
        is_taken = True
        n_left = len(self._steps)  # not those that come meanwhile: it would never end
        while n_left > 0 and (steps := _line_of(self._steps)):
            is_taken = self._write(self._points, POINTS, {"steps": steps})
            if not is_taken:
                self._keep([point for step in steps for point in _points(step)])
            for _ in steps:  # only now: an interrupt must not lose them
                self._steps.popleft()
            n_left -= len(steps)
        if is_taken:
            self._write_kept()

    def _write_kept(self) -> None:
        """The disk may have room again for what it refused."""
        while points := self.take_unwritten():
            steps = [(point.step, point.timestamp_ms, {point.key: point.value}) for point in points]
            if not self._write(self._points, POINTS, {"steps": steps}):
                self.give_back(points)
                return

    def _write(self, lines: "_Lines", kind: str, data: Mapping[str, Any]) -> bool:
        try:
            lines.write(framed(kind, data))
        except OSError as error:
            self.failure = error.strerror or str(error)
            return False
        return True

    def _keep(self, points: list[Point]) -> None:
        room = max(0, KEPT_POINTS - len(self._unwritten))
        self._unwritten.extend(points[:room])
        self.n_lost += len(points[room:])

    def _make_locks(self) -> None:
        # The events' can be taken twice: a signal's handler may run inside `append`, and append.
        self._writes_events, self._writes_points = threading.RLock(), threading.Lock()

    def _enter_child(self) -> None:
        """In a forked child: what the parent has logged is the parent's, and so are its locks.

        The child has no thread that flushes: each of its calls does, into a file of its own.
        """
        if self._is_closed:
            return
        self._is_child, self.n_lost = True, 0
        self._steps.clear()
        self._unwritten.clear()
        self._make_locks()
        self._points.let_go()
        self._points = _Lines(_newest(self.folder, writer=str(os.getpid())))


class _Lines:
    """A file that is only appended to, opened by its first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._is_closed = False
        self._is_torn = False

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return 0 if self._file is None else os.fstat(self._file).st_size

    @property
    def is_gone(self) -> bool:
        """Whether someone has deleted it."""
        return self._file is not None and os.fstat(self._file).st_nlink == 0

    def write(self, line: bytes) -> None:
        """Append one line, after an end of line where the last one may be torn.

        Raises
        ------
        OSError
            The disk did not take all of it.
        """
        if self._is_closed:
            raise OSError("it is closed")
        if self.is_gone:
            self.let_go()
        file = self._open() if self._file is None else self._file
        content = b"\n" + line if self._is_torn else line
        self._is_torn = True
        written = os.write(file, content)
        if written < len(content):
            raise OSError(f"only {written} of {len(content)} bytes were written")
        self._is_torn = False

    def close(self) -> None:
        """Bring it to the disk itself; nothing can be written any more."""
        self._is_closed = True
        if self._file is not None:
            with suppress(OSError):  # a file system may have none
                os.fsync(self._file)
            self.let_go()

    def let_go(self) -> None:
        """Give the open file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._is_torn = self.n_bytes > 0  # a killed process may have left half a line
        return self._file


def framed(kind: str, data: Mapping[str, Any]) -> bytes:
    """One line: checksum and JSON."""
    body = json.dumps([kind, data], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def points_files(folder: Path) -> list[Path]:
    """The files of metric values that exist; of each writer the oldest first."""
    return sorted(folder.glob(f"{POINTS}-*.jsonl"), key=place)


def place(path: Path) -> tuple[str, int]:
    """Of a file of metric values: its writer, "" but for forked processes, and its number."""
    number, _, writer = path.stem.removeprefix(f"{POINTS}-").partition(".")
    return writer, int(number) if number.isdecimal() else 0


def _newest(folder: Path, *, writer: str) -> Path:
    """The file that this writer appends to."""
    its = [path for path in points_files(folder) if place(path)[0] == writer]
    return its[-1] if its else _file(folder, writer, 1)


def _next_file(path: Path) -> Path:
    writer, number = place(path)
    return _file(path.parent, writer, number + 1)


def _file(folder: Path, writer: str, number: int) -> Path:
    return folder / f"{POINTS}-{number:04}{f'.{writer}' if writer else ''}.jsonl"


def _line_of(steps: deque[Step]) -> list[Step]:
    """The first steps, for one line; others may be appended meanwhile."""
    taken: list[Step] = []
    n_values = 0
    for at in range(min(LINE_VALUES, len(steps))):
        n_values += len(steps[at][2])
        if n_values > LINE_VALUES:
            break
        taken.append(steps[at])
    return taken


def _points(step: Step) -> list[Point]:
    number, time_ms, values = step
    return [Point(key, value, time_ms, number) for key, value in values.items()]


def _renew_in_children(journal: Journal) -> None:
    """Have each forked child begin with locks that nobody holds, before anything else runs."""
    if not hasattr(os, "register_at_fork"):
        return
    known = weakref.ref(journal)  # what is registered stays for ever

    def renew() -> None:
        living = known()
        if living is not None:
            living._enter_child()

    os.register_at_fork(after_in_child=renew)
