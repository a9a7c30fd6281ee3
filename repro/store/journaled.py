"""Reads the journal of a run, also while it is written."""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from repro.store.journal import EVENTS, LINE_VALUES, POINTS, framed, place, points_files
from repro.store.point import Point

SHIPPED = "shipped"
TAIL_BYTES = 2**20  # holds the last line of metric values


@dataclass(frozen=True)
class Entry:
    """One thing that happened: what kind, and its data."""

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Position:
    """How far the metric values were read; by default, not at all."""

    offsets: Mapping[str, int] = field(default_factory=dict)  # bytes, by name of the file


def events(folder: Path) -> list[Entry]:
    """Every whole event, in order; a line that fails its checksum is left out."""
    return [entry for entry, _ in _lines(folder / EVENTS, 0)]


def batches(
    folder: Path, since: Position, until: Position | None = None
) -> Iterator[tuple[list[Point], Position]]:
    """Metric values between two positions, up to 1,000 at a time, each with the position behind."""
    taken: list[Point] = []
    offsets = dict(since.offsets)
    for path in points_files(folder):
        start = _start_of_line(path, offsets.get(path.name, 0))
        stop = None if until is None else until.offsets.get(path.name, 0)
        for entry, end in _lines(path, start, stop):
            points = _points(entry)
            if taken and len(taken) + len(points) > LINE_VALUES:
                yield taken, Position(dict(offsets))
                taken = []
            taken.extend(points)
            offsets[path.name] = end
    if taken:
        yield taken, Position(dict(offsets))


def shipped(folder: Path) -> Position:
    """How far MLflow has the metric values; sending some again is harmless, leaving some out not.

    Hence a checksum: without one, a changed digit would skip what was never sent.
    """
    try:
        entry = _entry((folder / SHIPPED).read_bytes())
    except OSError:
        return Position()
    return Position(entry.data) if entry is not None and entry.kind == SHIPPED else Position()


def note_shipped(folder: Path, position: Position) -> None:
    """Remember how far MLflow has them, in one step that a kill cannot divide."""
    draft = folder / f"{SHIPPED}.new"
    draft.write_bytes(framed(SHIPPED, position.offsets))
    os.replace(draft, folder / SHIPPED)


def delete_read(folder: Path, position: Position) -> Position:
    """Delete the files that are complete and read to their end; the position in the others."""
    files = points_files(folder)
    left = {path.name for path in files}
    for path, following in pairwise(files):
        is_complete = place(path)[0] == place(following)[0]
        if is_complete and next(_lines(path, position.offsets.get(path.name, 0)), None) is None:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            left.discard(path.name)
    return Position({name: at for name, at in position.offsets.items() if name in left})


def n_unshipped(folder: Path) -> int:
    """How many metric values MLflow does not have, as far as the journal knows."""
    return sum(len(points) for points, _ in batches(folder, shipped(folder)))


def last_time_ms(folder: Path) -> int | None:
    """When the last metric value was logged, in milliseconds since 1970."""
    times = [_last_time(path) for path in points_files(folder)]
    return max((time for time in times if time is not None), default=None)


def _last_time(path: Path) -> int | None:
    try:
        start = max(0, path.stat().st_size - TAIL_BYTES)
    except FileNotFoundError:
        return None
    # A line that is cut in two by the offset fails its checksum, and is left out.
    tail = (point for entry, _ in _lines(path, start) for point in _points(entry))
    return max((point.timestamp_ms for point in tail), default=None)


def _lines(path: Path, offset: int, stop: int | None = None) -> Iterator[tuple[Entry, int]]:
    """Whole lines from an offset, each with the offset behind it; none of a file that is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # sent and deleted meanwhile
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n") or (stop is not None and offset >= stop):
                return  # what is being written must not be passed over: it is whole the next time
            offset += len(line)
            entry = _entry(line)
            if entry is not None:
                yield entry, offset


def _entry(line: bytes) -> Entry | None:
    """What a line says, if it is whole."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    kind, data = json.loads(body)
    return Entry(kind, data)


def _points(entry: Entry) -> list[Point]:
    if entry.kind != POINTS:
        return []
    return [
        Point(key, value, time_ms, step)
        for step, time_ms, values in entry.data["steps"]
        for key, value in values.items()
    ]


def _start_of_line(path: Path, offset: int) -> int:
    """The offset, or 0 where no line begins there: another file once had this name."""
    if offset == 0:
        return 0
    try:
        with path.open("rb") as file:
            file.seek(offset - 1)
            return offset if file.read(1) == b"\n" else 0
    except FileNotFoundError:
        return 0
