"""The append-only files under each run, written before MLflow is.

A folder for each run::

    events.jsonl       what happened: run, params, facts, scores, record, ended
    points-0001.jsonl  metric values; another file begins when one is full
    shipped            how far MLflow has them
    alive              locked by the process that writes; touched every few seconds
    artifacts/         files that MLflow does not have yet

One entry a line: a checksum, a space, and JSON. A torn line is left out when it is read.
"""

import json
import os
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from repro.store.point import Point

EVENTS = "events.jsonl"
ROTATE_BYTES = 64 * 2**20
LINE_VALUES = 1_000  # in one line: what MLflow takes in one call
INLINE_STEPS = 10_000  # that wait for the thread which flushes; beyond, the caller does
KEPT_POINTS = 1_000_000  # in memory, about 150 MB, while the disk takes no more

Step = tuple[int, int, Mapping[str, float]]  # step, time in ms, values by name


class Journal:
    """Appends from any thread, and from forked children; what was written survives the process.

    Events are handed to the operating system at once, metric values at the next `flush`, which a
    thread calls. A disk that takes no more must not end a training: why it refused is kept in
    `failure`, and values that are nowhere else in `unwritten`.
    """

    def __init__(self, folder: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.failure: str | None = None
        self.unwritten: deque[Point] = deque()
        self.n_lost = 0  # values that neither the disk took nor the memory could keep
        self._rotate_bytes = rotate_bytes
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._process, self._is_child = os.getpid(), False
        self._events = _Lines(folder / EVENTS)
        self._points = _Lines(points_files(folder)[-1])

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write one event."""
        self._own()
        with self._lock:
            self._write(self._events, kind, data)

    def log(self, values: Mapping[str, float], *, step: int, time_ms: int) -> None:
        """Take metric values, which the next `flush` writes."""
        if len(values) > LINE_VALUES:
            items = list(values.items())
            for start in range(0, len(items), LINE_VALUES):
                part = dict(items[start : start + LINE_VALUES])
                self.log(part, step=step, time_ms=time_ms)
            return
        self._steps.append((step, time_ms, values))
        if os.getpid() != self._process or len(self._steps) >= INLINE_STEPS:
            self.flush()

    def flush(self) -> None:
        """Write what was logged."""
        self._own()
        with self._lock:
            while taken := list(_popped(self._steps)):
                if not self._write(self._points, "points", {"steps": taken}):
                    self._keep(taken)
            if self._points.n_bytes >= self._rotate_bytes:
                self._turn_to(_next_file(self._points.path))

    def close(self) -> None:
        """Write what was logged, to the disk itself; a second close does nothing."""
        self.flush()
        with self._lock:
            for lines in (self._points, self._events):
                lines.close()

    def _write(self, lines: "_Lines", kind: str, data: Mapping[str, Any]) -> bool:
        try:
            lines.write(framed(kind, data))
        except OSError as error:
            self.failure = error.strerror or str(error)
            return False
        return True

    def _keep(self, steps: list[Step]) -> None:
        for step, time_ms, values in steps:
            for key, value in values.items():
                if len(self.unwritten) < KEPT_POINTS:
                    self.unwritten.append(Point(key, value, time_ms, step))
                else:
                    self.n_lost += 1

    def _turn_to(self, path: Path) -> None:
        self._points.close()
        self._points = _Lines(path)

    def _own(self) -> None:
        """In a forked child: what the parent has logged is the parent's, and so is the lock.

        The child has no thread that flushes: each of its calls does, into the file of the moment.
        """
        if os.getpid() == self._process:
            return
        self._lock = threading.Lock()
        if not self._is_child:
            self._is_child = True
            while len(self._steps) > 1:
                self._steps.popleft()
        newest = points_files(self.folder)[-1]
        if newest != self._points.path:
            self._turn_to(newest)


class _Lines:
    """A file that is only appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.n_bytes = os.fstat(self._file).st_size
        self._is_torn = self.n_bytes > 0  # a killed process may have left half a line

    def write(self, line: bytes) -> None:
        """Append one line, after an end of line where the last one may be torn.

        Raises
        ------
        OSError
            The disk did not take all of it.
        """
        if self._file is None:
            raise OSError("it is closed")
        content = b"\n" + line if self._is_torn else line
        self._is_torn = True
        written = os.write(self._file, content)
        self.n_bytes += written
        if written < len(content):
            raise OSError(f"only {written} of {len(content)} bytes were written")
        self._is_torn = False

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a file system may have none
                os.fsync(self._file)
            os.close(self._file)
            self._file = None


def framed(kind: str, data: Mapping[str, Any]) -> bytes:
    """One line: checksum and JSON."""
    body = json.dumps([kind, data], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def points_files(folder: Path) -> list[Path]:
    """The files of metric values, oldest first; the first one where there is none yet."""
    return sorted(folder.glob("points-*.jsonl")) or [folder / "points-0001.jsonl"]


def _next_file(path: Path) -> Path:
    number = int(path.stem.removeprefix("points-")) + 1
    return path.with_name(f"points-{number:04}.jsonl")


def _popped(steps: deque[Step]) -> Iterator[Step]:
    """Steps for one line; others may be appended meanwhile."""
    n_values = 0
    while steps and n_values + len(steps[0][2]) <= LINE_VALUES:
        taken = steps.popleft()
        n_values += len(taken[2])
        yield taken
