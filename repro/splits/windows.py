"""Where the test windows of a walk-forward split lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from repro.errors import SplitError
from repro.splits.calendar_lengths import end_of_last_period
from repro.splits.times import Axis, Duration, LengthSource, Times, Unit, read_duration


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

    @property
    def is_timed(self) -> bool:
        """Whether windows lie at multiples of a length of time from one anchor."""
        return self.test.unit == self.step.unit == "ns"


def read_window_length(
    value: LengthSource | None, name: str, start: Times, unit: Unit = "ticks"
) -> Duration:
    """The length `name` of windows over these times; only a gap may be no time at all."""
    if value is None and name == "gap":
        return Duration(0, "ns")
    length = read_duration(value, name, start.zone, tz=start.tz, unit=unit)
    if length.is_zero and name != "gap":
        raise SplitError(f"{name}={value!r} is no time at all; pass more.")
    return length


def windows_to_end(axis: Axis, lengths: Lengths, n_splits: int | None) -> list[Window]:
    """The last `n_splits` windows (or all), the last of which ends with the last row."""
    # Months begin and end at midnight, and the last day has passed when the next one begins.
    months = lengths.test.months + lengths.step.months
    end = _end(axis, lengths) if months else axis.after_last
    windows: list[Window] = []
    stop = end
    for number, start in enumerate(_starts(axis.back, end, (lengths.test,), lengths.step)):
        if number == n_splits or start <= axis.ticks[0]:
            break
        if lengths.is_timed:
            stop = axis.back(end, lengths.step * number)
        elif lengths.test != lengths.step:
            stop = axis.ahead(start, lengths.test)
        windows.append(_window(start, stop, axis, lengths))
        stop = start
        _check_step(len(windows), axis)
    return windows[::-1]


def windows_from_start(axis: Axis, lengths: Lengths, n_splits: int | None) -> list[Window]:
    """The first `n_splits` complete windows (or all) after the first training period."""
    end = _end(axis, lengths)
    first = int(axis.ticks[0])
    lead = (lengths.train or lengths.test, lengths.gap)
    windows: list[Window] = []
    for number, start in enumerate(_starts(axis.ahead, first, lead, lengths.step)):
        stop = axis.ahead(start, lengths.test)
        if lengths.is_timed:
            stop = axis.ahead(first, *lead, lengths.step * number, lengths.test)
        if number == n_splits or not _fits(start, stop, axis, lengths.test, end):
            break
        windows.append(_window(start, stop, axis, lengths))
        _check_step(len(windows), axis)
    return windows


def _starts(
    move: Callable[..., int], anchor: int, lead: tuple[Duration, ...], step: Duration
) -> Iterator[int]:
    """Where the windows start; those a length of time apart are each placed from the anchor.

    A month before a 31st is a 30th, and a month before that a 30th too: steps would drift.
    """
    if step.unit == "ns":
        yield from (move(anchor, *lead, step * number) for number in count())
    moment = move(anchor, *lead)
    while True:
        yield moment
        moment = move(moment, step)


def _end(axis: Axis, lengths: Lengths) -> int:
    """Where the last period ends; the end itself is not in the data."""
    if len(axis.ticks) == 1:
        return axis.after_last
    return end_of_last_period(axis.ticks, lengths.test.tz or lengths.step.tz)


def _fits(start: int, stop: int, axis: Axis, test: Duration, end: int) -> bool:
    if test.unit == "ns":
        return start <= axis.ticks[-1] and stop <= end
    return axis.count(test.unit, start) >= test.amount


def _window(start: int, stop: int, axis: Axis, lengths: Lengths) -> Window:
    cutoff = axis.back(start, lengths.gap)
    since = int(axis.ticks[0])
    if lengths.train is not None:
        since = axis.back(start, lengths.gap, lengths.train)
    return Window(since, cutoff, start, stop)


def _check_step(n_windows: int, axis: Axis) -> None:
    if n_windows > len(axis.ticks):
        raise SplitError(
            f"there are more test windows than the {len(axis.ticks)} distinct times. "
            f"Take a longer step= or test=."
        )


def check_number(n_found: int, n_splits: int | None) -> None:
    """Refuse fewer windows than were asked for."""
    if n_splits is not None and n_found < n_splits:
        raise SplitError(
            f"n_splits={n_splits} test windows do not fit, {n_found} do. "
            f"Ask for fewer splits, or shorten test= or step=."
        )
