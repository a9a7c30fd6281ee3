"""From what the user handed over to the span of every row: features known, label known."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.calendar_lengths import is_length
from repro.splits.clock_change import refuse_clock_change
from repro.splits.rows import (
    count_rows,
    has_column,
    read_parameter,
    read_values,
    row_labels,
)
from repro.splits.times import (
    Duration,
    Times,
    check_same_zone,
    read_duration,
    read_times,
    shift,
    show_moment,
)

TimeSource = Hashable | pd.Series
EndSource = Hashable | pd.Series | dt.timedelta | pd.offsets.BaseOffset
OpeningSource = Hashable | pd.Series | dt.timedelta | pd.offsets.BaseOffset
Closed = Literal["both", "left"]


@dataclass(frozen=True, eq=False)
class Spans:
    """Per row, when its features are known (start) and when its label is known (end).

    `opened` is where the window begins that the features were computed from, if that is known.
    """

    start: Times
    end: Times | None
    opened: Times | None = None


def read_spans(
    data: object,
    *,
    time: TimeSource | None,
    times: object | None,
    end_time: EndSource | None,
    end_times: object | None,
) -> Spans:
    """The spans of all rows; both ends must be said by somebody.

    `time` and `end_time` are a splitter's parameters, `times` and `end_times` the arguments of
    one call of `split`. An end that is a text such as "30D" is the column of that name, and
    only where X has none a length of time after each row.
    """
    _check_rows(data)
    start = _read_start(data, time, times)
    if end_time is None and end_times is None:
        raise SplitError(
            "times are given but nothing says when each label is known. Pass end_time= (a column "
            "or a horizon such as pd.Timedelta(days=5)) or end_times=, or say end_time='point' "
            "if a label is known at the very time of its row."
        )
    return Spans(start, _read_end(data, start, end_time, end_times))


def read_given_spans(data: object, time: object, end_time: object) -> Spans:
    """The spans of one call that has the data: each end a name, a Series or an array."""
    _check_rows(data)
    if end_time is None:
        raise SplitError(
            "nothing says when each label is known. Pass end_time= (a column, an array, or a "
            "horizon such as pd.Timedelta(days=5)), or say end_time='point' if a label is known "
            "at the very time of its row."
        )
    start = _start_times(read_values(time, data, "time"), "time")
    return Spans(start, _end_times(data, start, end_time, "end_time", read_values))


def read_call_spans(
    data: object, times: object | None, end_times: object | None, known: Spans | None = None
) -> Spans | None:
    """The spans of one call for a splitter that knows no times; None if nobody gives them.

    What the call does not say is taken from the spans that a plan holds.
    """
    if times is None and known is None:
        if end_times is not None:
            raise SplitError("end_times= are given without times=. Pass both.")
        return None
    start = known.start if times is None and known is not None else _read_start(data, None, times)
    end = None if end_times is None else _read_end(data, start, None, end_times)
    if known is None:
        return Spans(start, end)
    if end is None and known.end is not None:
        end = known.end
        check_same_zone(start, "times", end, "the plan")
        _check_order(data, start, end)
    if known.opened is not None:
        check_same_zone(start, "times", known.opened, "the plan")
        _check_windows(start, known.opened, "the feature_start of the plan")
    return Spans(start, end, known.opened)


def read_window_starts(
    data: object,
    start: Times,
    source: object,
    read: Callable[[Any, object, str], object] = read_values,
) -> Times:
    """When each row's feature window opens: a column, a Series, an array or a length."""
    name = "feature_start"
    if _is_length(source, data):
        length = _read_length(source, name, start)
        return replace(start, values=shift(start.values, length, -1))
    opened = read_times(read(source, data, name), name)
    check_same_zone(start, "time", opened, name)
    _check_windows(start, opened, name)
    return opened


def close_left(spans: Spans) -> Spans:
    """Half-open [start, end) as a closed span; a point stays a point."""
    if spans.end is None:
        return spans
    end = np.maximum(spans.end.values - 1, spans.start.values)
    return replace(spans, end=replace(spans.end, values=end))


def _read_start(data: object, time: TimeSource | None, times: object | None) -> Times:
    if time is not None and times is not None:
        raise SplitError(
            f"time={_brief(time)} and times= both say when the rows happened. Pass one of them."
        )
    if time is None and times is None:
        raise SplitError(
            "nothing says when the rows happened. Pass time= (a column or index level of X, or a "
            "labelled Series), or times= to split()."
        )
    name = "times" if time is None else "time"
    values = read_values(times, data, name) if time is None else read_parameter(time, data, name)
    return _start_times(values, name)


def _check_rows(data: object) -> None:
    if count_rows(data) == 0:
        raise SplitError("X has no rows; there is nothing to split.")


def _start_times(values: object, name: str) -> Times:
    start = read_times(values, name)
    last = int(np.argmax(start.values))
    if start.values[last] == np.iinfo(np.int64).max:
        raise SplitError(
            f"{name} of row {last} is {start.show(last)}, the last moment there is, and nothing "
            f"can happen after it. Replace place-holders by real times."
        )
    if start.zone == "naive":
        refuse_clock_change(start.values, name)
    return start


def _read_end(
    data: object, start: Times, end_time: EndSource | None, end_times: object | None
) -> Times:
    if end_time is not None and end_times is not None:
        raise SplitError(
            f"end_time={_brief(end_time)} and end_times= both say when labels are known. "
            f"Pass one of them."
        )
    if end_time is None:
        return _end_times(data, start, end_times, "end_times", read_values)
    return _end_times(data, start, end_time, "end_time", read_parameter)


def _end_times(
    data: object,
    start: Times,
    source: object,
    name: str,
    read: Callable[[Any, object, str], object],
) -> Times:
    if isinstance(source, str) and source == "point":
        return start
    if _is_length(source, data):
        length = _horizon(source, name, start)
        return replace(start, values=shift(start.values, length))
    end = read_times(read(source, data, name), name)
    check_same_zone(start, "time", end, name)
    _check_order(data, start, end)
    return end


def _is_length(source: object, data: object) -> bool:
    """Whether it can only be a length; a text with a number in front is one, good or bad."""
    if isinstance(source, str):
        is_meant = is_length(source) or re.match(r"[-+]?\d", source) is not None
        return is_meant and not has_column(source, data)
    if _is_int(source):
        return not has_column(source, data)
    return is_length(source) or source is pd.NaT


def _is_int(source: object) -> bool:
    # A timedelta64 is an np.integer, and a bool an int.
    is_number = isinstance(source, (int, np.integer))
    return is_number and not isinstance(source, (bool, np.timedelta64))


def _read_length(source: object, name: str, start: Times) -> Duration:
    """A length of time; for times that are numbers an int in their unit."""
    if start.zone != "number" and _is_int(source):
        raise SplitError(
            f"{name}={source!r} is no column of X, and as a length of time it has no unit. "
            f"Pass one such as '{source}D', or pd.Timedelta(days={source})."
        )
    if start.zone == "number" and not _is_int(source):
        raise SplitError(
            f"{name}={source!r} is a length of time, but the times are numbers. "
            f"Pass an int in the unit of these numbers, or a column."
        )
    length = read_duration(source, name, start.zone, tz=start.tz)
    return replace(length, unit="ns")


def _horizon(source: object, name: str, start: Times) -> Duration:
    length = _read_length(source, name, start)
    if length.is_zero:
        raise SplitError(
            f"{name}={source!r} is no time at all. Say {name}='point' if a label is known at the "
            f"very time of its row, or pass how long after it."
        )
    return length


def _check_windows(start: Times, opened: Times, name: str) -> None:
    late = np.flatnonzero(opened.values > start.values)
    if len(late):
        row = int(late[0])
        raise SplitError(
            f"{name} lies after the time of {len(late)} rows, first of row {row}: "
            f"{opened.show(row)} after {start.show(row)}. A feature window ends at its row's time."
        )


def _check_order(data: object, start: Times, end: Times) -> None:
    early = np.flatnonzero(end.values < start.values)
    if len(early) == 0:
        return
    row = int(early[0])
    labels = row_labels(data)
    label = f" (label {labels[row]!r})" if labels is not None else ""
    hint = " Local times without a zone do this when the clock is set back: convert them to UTC."
    raise SplitError(
        f"{len(early)} rows end before they start, first row {row}{label}: "
        f"{show_moment(int(end.values[row]), end.zone)} is before "
        f"{show_moment(int(start.values[row]), start.zone)}. A label cannot be known before its "
        f"row's time; correct or drop these rows.{hint if start.zone == 'naive' else ''}"
    )


def _brief(source: object) -> str:
    return "<Series>" if isinstance(source, pd.Series) else repr(source)
