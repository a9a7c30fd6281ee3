"""From what the user handed over to the span of every row: features known, label known."""

from __future__ import annotations

import datetime as dt
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
    if count_rows(data) == 0:
        raise SplitError("X has no rows; there is nothing to split.")
    start = _read_start(data, time, times)
    if end_time is None and end_times is None:
        raise SplitError(
            "times are given but nothing says when each label is known. Pass end_time= (a column "
            "or a horizon such as pd.Timedelta(days=5)) or end_times=, or say end_time='point' "
            "if a label is known at the very time of its row."
        )
    return Spans(start, _read_end(data, start, end_time, end_times))


def read_call_spans(data: object, times: object | None, end_times: object | None) -> Spans | None:
    """The spans of one call for a splitter that knows no times; None if none were given."""
    if times is None:
        if end_times is not None:
            raise SplitError("end_times= are given without times=. Pass both.")
        return None
    start = _read_start(data, None, times)
    return Spans(start, None if end_times is None else _read_end(data, start, None, end_times))


def read_window_starts(
    data: object,
    start: Times,
    source: object,
    read: Callable[[Any, object, str], object] = read_values,
) -> Times:
    """When each row's feature window opens: a column, a Series, an array or a length."""
    name = "feature_start"
    if _is_length(source, data):
        length = read_duration(source, name, start.zone, tz=start.tz)
        return replace(start, values=shift(start.values, length, -1))
    opened = read_times(read(source, data, name), name)
    check_same_zone(start, "time", opened, name)
    late = np.flatnonzero(opened.values > start.values)
    if len(late):
        row = int(late[0])
        raise SplitError(
            f"{name} lies after the time of {len(late)} rows, first of row {row}: "
            f"{opened.show(row)} after {start.show(row)}. A feature window ends at its row's time."
        )
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
    start = read_times(values, name)
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
    name, source = ("end_times", end_times) if end_time is None else ("end_time", end_time)
    if isinstance(source, str) and source == "point":
        return start
    if _is_length(source, data):
        length = _horizon(source, name, start)
        return replace(start, values=shift(start.values, length))
    read = read_values if end_time is None else read_parameter
    end = read_times(read(source, data, name), name)
    check_same_zone(start, "time", end, name)
    _check_order(data, start, end)
    return end


def _is_length(source: object, data: object) -> bool:
    return is_length(source) and not (isinstance(source, str) and has_column(source, data))


def _horizon(source: object, name: str, start: Times) -> Duration:
    length = read_duration(source, name, start.zone, tz=start.tz)
    if length.is_zero:
        raise SplitError(
            f"{name}={source!r} is no time at all. Say {name}='point' if a label is known at the "
            f"very time of its row, or pass how long after it."
        )
    return length


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
