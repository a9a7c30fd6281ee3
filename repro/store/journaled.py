"""Reads the journal of a run, also while it is written."""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.store.journal import EVENTS, LINE_VALUES, points_files
from repro.store.point import Point

SHIPPED = "shipped"


@dataclass(frozen=True)
class Entry:
    """One thing that happened: what kind, and its data."""

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, order=True)
class Position:
    """A place between two lines of the metric values."""

    file: str = ""  # name; "" is before every file
    offset: int = 0  # bytes


def events(folder: Path) -> list[Entry]:
    """Every whole event, in order; a line that fails its checksum is left out."""
    path = folder / EVENTS
    return [entry for entry, _ in _lines(path, 0)] if path.exists() else []


def batches(folder: Path, since: Position) -> Iterator[tuple[list[Point], Position]]:
    """Metric values after a position, up to 1,000 at a time, each time with the position behind."""
    taken: list[Point] = []
    position = since
    for path in points_files(folder):
        if path.name < since.file or not path.exists():
            continue
        for entry, end in _lines(path, since.offset if path.name == since.file else 0):
            points = list(_points(entry))
            if taken and len(taken) + len(points) > LINE_VALUES:
                yield taken, position
                taken = []
            taken, position = taken + points, Position(path.name, end)
    if taken:
        yield taken, position


def shipped(folder: Path) -> Position:
    """How far MLflow has the metric values; sending some again is harmless."""
    try:
        data = json.loads((folder / SHIPPED).read_text())
        return Position(str(data["file"]), int(data["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Position()


def note_shipped(folder: Path, position: Position) -> None:
    """Remember how far MLflow has them, in one step that a kill cannot divide."""
    draft = folder / f"{SHIPPED}.new"
    draft.write_text(json.dumps({"file": position.file, "offset": position.offset}))
    os.replace(draft, folder / SHIPPED)


def n_unshipped(folder: Path) -> int:
    """How many metric values MLflow does not have, as far as the journal knows."""
    return sum(len(points) for points, _ in batches(folder, shipped(folder)))


def _lines(path: Path, offset: int) -> Iterator[tuple[Entry, int]]:
    """Whole lines from an offset, each with the offset behind it."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            offset += len(line)
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body):
                kind, data = json.loads(body)
                yield Entry(kind, data), offset


def _points(entry: Entry) -> Iterator[Point]:
    for step, time_ms, values in entry.data["steps"]:
        for key, value in values.items():
            yield Point(key, value, time_ms, step)
