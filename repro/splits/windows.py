"""Where the test windows of a walk-forward split lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from repro.errors import SplitError
from repro.splits.times import Axis, Duration


class Window(NamedTuple):
    """Train on labels known before `cutoff` of rows since `since`; test on [start, stop)."""

    since: int
    cutoff: int
    start: int
    stop: int


class Lengths(NamedTuple):
    """The lengths that place the windows; no `train` means all of the past."""

    test: Duration
    step: Duration
    gap: Duration
    train: Duration | None


def windows_to_end(axis: Axis, lengths: Lengths, n_splits: int | None) -> list[Window]:
    """The last `n_splits` windows (or all), the last of which ends with the last row."""
    start = axis.back(axis.after_last, lengths.test)
    windows: list[Window] = []
    while len(windows) != n_splits and start > axis.ticks[0]:
        windows.append(_window_at(start, axis, lengths))
        start = axis.back(start, lengths.step)
        _check_step(len(windows), axis)
    _check_number(len(windows), n_splits)
    return windows[::-1]


def windows_from_start(axis: Axis, lengths: Lengths, n_splits: int | None) -> list[Window]:
    """The first `n_splits` complete windows (or all) after the first training period."""
    # The end of the last period is not in the data: take it one finest spacing after the last row.
    spacing = int(np.diff(axis.ticks).min()) if len(axis.ticks) > 1 else 1
    end = int(axis.ticks[-1]) + spacing
    start = axis.ahead(int(axis.ticks[0]), lengths.train or lengths.test)
    start = axis.ahead(start, lengths.gap)
    windows: list[Window] = []
    while len(windows) != n_splits and _fits(start, axis, lengths.test, end):
        windows.append(_window_at(start, axis, lengths))
        start = axis.ahead(start, lengths.step)
        _check_step(len(windows), axis)
    _check_number(len(windows), n_splits)
    return windows


def _fits(start: int, axis: Axis, test: Duration, end: int) -> bool:
    if test.unit == "ticks":
        return int((axis.ticks >= start).sum()) >= test.amount
    return start <= axis.ticks[-1] and start + test.amount <= end


def _window_at(start: int, axis: Axis, lengths: Lengths) -> Window:
    cutoff = axis.back(start, lengths.gap)
    since = int(axis.ticks[0])
    if lengths.train is not None:
        since = axis.back(cutoff, lengths.train)
    return Window(since, cutoff, start, axis.ahead(start, lengths.test))


def _check_step(n_windows: int, axis: Axis) -> None:
    if n_windows > len(axis.ticks):
        raise SplitError(
            f"there are more test windows than the {len(axis.ticks)} distinct times. "
            f"Take a longer step= or test=."
        )


def _check_number(n_found: int, n_splits: int | None) -> None:
    if n_splits is not None and n_found < n_splits:
        raise SplitError(
            f"n_splits={n_splits} test windows do not fit, {n_found} do. "
            f"Ask for fewer splits, or shorten test= or step=."
        )
