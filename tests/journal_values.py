"""A journal, metric values logged into it, and those that its files hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.store.journal import Journal
from repro.store.journaled import Position, batches
from repro.store.point import Point


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "deep" / "run")
    yield opened
    opened.close()


def in_files(folder: Path) -> list[Point]:
    return [point for points, _ in batches(folder, Position()) for point in points]


def steps(folder: Path) -> list[int]:
    return [point.step for point in in_files(folder)]


def log(journal: Journal, *numbers: int, name: str = "loss") -> None:
    for step in numbers:
        journal.log({name: step / 2}, step=step, time_ms=1_000 + step)
