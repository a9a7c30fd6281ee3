"""Times on one axis of 64-bit integers: UTC nanoseconds, or plain numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.calendar_lengths import parse_length, shift_months
from repro.splits.rows import plain_values

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
LengthSource = str | int | dt.timedelta | np.timedelta64 | pd.offsets.BaseOffset
Unit = Literal["ticks", "rows"]
Zone = Literal["aware", "naive", "number"]

_DAY = 86_400_000_000_000
_LIMIT = 2**62  # the sum of two numbers below it is an int64

_NAMES: dict[Zone, str] = {
    "aware": "times with a time zone",
    "naive": "times without a time zone",
    "number": "numbers",
}


@dataclass(frozen=True, eq=False)
class Times:
    """One moment per row; naive datetimes are taken as UTC."""

    values: IntArray
    zone: Zone
    tz: dt.tzinfo | None = None  # whose calendar months are meant; None is UTC

    def show(self, row: int) -> str:
        """The moment of a row, for people."""
        return show_moment(int(self.values[row]), self.zone)


@dataclass(frozen=True)
class Duration:
    """So many distinct timestamps or rows, or calendar months and then nanoseconds.

    Months are those of the calendar of `tz`, or of UTC.
    """

    amount: int
    unit: Literal["ticks", "rows", "ns"]
    months: int = 0
    tz: dt.tzinfo | None = None

    @property
    def is_zero(self) -> bool:
        """Whether it is no time at all."""
        return self.amount == 0 and self.months == 0

    def __mul__(self, factor: int) -> Duration:
        return replace(self, amount=self.amount * factor, months=self.months * factor)

    def __add__(self, other: Duration) -> Duration:
        assert self.unit == other.unit
        total = replace(self, amount=self.amount + other.amount)
        return replace(total, months=self.months + other.months, tz=self.tz or other.tz)


def show_moment(moment: int, zone: Zone) -> str:
    """A moment of the axis, for people."""
    if zone == "number":
        return str(moment)
    return pd.Timestamp(moment, unit="ns", tz="UTC").isoformat().replace("+00:00", "Z")


def read_times(values: object, name: str) -> Times:
    """Put datetimes or whole numbers on the integer axis, or refuse them."""
    index = _as_index(values, name)
    if pd.api.types.is_datetime64_any_dtype(index.dtype):
        return _from_datetimes(index, name)
    if pd.api.types.is_bool_dtype(index.dtype) or not pd.api.types.is_numeric_dtype(index.dtype):
        raise SplitError(
            f"{name} holds {index.dtype} values such as {index.tolist()[0]!r}; "
            f"times are datetimes or whole "
            f"numbers. Convert them first, for example with pd.to_datetime(..., utc=True)."
        )
    return _from_numbers(index, name)


def check_same_zone(first: Times, first_name: str, second: Times, second_name: str) -> None:
    """Refuse to compare two kinds of times."""
    if first.zone != second.zone:
        raise SplitError(
            f"{first_name} holds {_NAMES[first.zone]} but {second_name} holds "
            f"{_NAMES[second.zone]}; both must lie on one axis. Convert both with "
            f"pd.to_datetime(..., utc=True), or pass numbers for both."
        )


def read_duration(
    value: object,
    name: str,
    zone: Zone,
    *,
    tz: dt.tzinfo | None = None,
    unit: Unit = "ticks",
) -> Duration:
    """An int counts distinct timestamps (or rows); '30D', '1ME' or a timedelta measures time."""
    # A timedelta64 is an np.integer, and a bool an int.
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
        duration = Duration(int(value), unit)
        if duration.amount >= _LIMIT:
            raise SplitError(f"{name}={value!r} is more than any data have; pass less.")
    else:
        duration = _length_of_time(value, name, tz)
    if min(duration.amount, duration.months) < 0:
        raise SplitError(f"{name}={value!r} is negative; pass 0 or more.")
    if duration.unit == "ns" and zone == "number":
        raise SplitError(
            f"{name}={value!r} is a length of time, but the times are numbers. "
            f"Pass an int: so many distinct times."
        )
    return duration


def shift(moments: IntArray, by: Duration, sign: Literal[1, -1] = 1) -> IntArray:
    """Moments moved by a length of time, later or earlier; refused where the axis ends."""
    # A month has at most 31 days, so this bound is safe and needs no look at the calendar.
    most = by.amount + by.months * 31 * _DAY
    limits = np.iinfo(np.int64)
    if len(moments) and not (
        limits.min < int(moments.min()) + sign * most < limits.max
        and limits.min < int(moments.max()) + sign * most < limits.max
    ):
        raise SplitError(
            f"a length of {by.months} months and {by.amount // _DAY} days leads out of the years "
            f"1678 to 2261. Pass a shorter one, and replace place-holders among the times."
        )
    if by.months:
        moments = shift_months(moments, sign * by.months, by.tz)
    return moments + sign * by.amount


class Axis:
    """The distinct timestamps of a data set, and how to move along them."""

    def __init__(self, start: IntArray) -> None:
        is_sorted = bool((start[1:] >= start[:-1]).all())
        self._start: IntArray = start if is_sorted else np.sort(start)
        # np.unique hashes or sorts what is sorted already: 80 ms per 1e6 rows.
        self.ticks: IntArray = self._start[self._is_first]
        self.after_last = int(self.ticks[-1]) + 1

    def back(self, moment: int, *lengths: Duration) -> int:
        """The moment that lies so long before; never before the first tick when counting.

        Counted rows are at least so many: a timestamp belongs to them with all its rows.
        """
        for by in _merged(lengths):
            moment = self._back(moment, by)
        return moment

    def ahead(self, moment: int, *lengths: Duration) -> int:
        """The moment that lies so long after; never after the end when counting.

        Counted rows are at least so many: a timestamp belongs to them with all its rows.
        """
        for by in _merged(lengths):
            moment = self._ahead(moment, by)
        return moment

    def reach(self, moments: IntArray, by: Duration) -> IntArray:
        """The last moment, of those at which rows start, within `by` after each moment."""
        assert by.unit != "rows"
        if by.is_zero:
            return moments
        if by.unit == "ns":
            return shift(moments, by)
        last = np.searchsorted(self.ticks, moments, side="right") + by.amount - 1
        return self.ticks[np.minimum(last, len(self.ticks) - 1)]

    def count(self, unit: Unit, since: int | None = None) -> int:
        """How many distinct timestamps, or rows, there are since a moment."""
        first = 0 if since is None else self._position(since)
        if unit == "ticks":
            return len(self.ticks) - first
        return len(self._start) - int(self._n_before[first])

    def _back(self, moment: int, by: Duration) -> int:
        if by.unit == "ns":
            return int(shift(np.array([moment]), by, -1)[0])
        position = self._position(moment)
        if by.unit == "ticks":
            return int(self.ticks[max(position - by.amount, 0)])
        wanted = self._n_before[position] - by.amount
        found = int(np.searchsorted(self._n_before, wanted, side="right")) - 1
        return int(self.ticks[max(found, 0)])

    def _ahead(self, moment: int, by: Duration) -> int:
        if by.unit == "ns":
            return int(shift(np.array([moment]), by)[0])
        position = self._position(moment)
        if by.unit == "ticks":
            position += by.amount
        else:
            wanted = self._n_before[position] + by.amount
            position = int(np.searchsorted(self._n_before, wanted, side="left"))
        return int(self.ticks[position]) if position < len(self.ticks) else self.after_last

    def _position(self, moment: int) -> int:
        return int(np.searchsorted(self.ticks, moment, side="left"))

    @property
    def _is_first(self) -> NDArray[np.bool_]:
        first = np.ones(len(self._start), dtype=bool)
        np.not_equal(self._start[1:], self._start[:-1], out=first[1:])
        return first

    @cached_property
    def _n_before(self) -> IntArray:
        """Rows before each tick, and at last all rows."""
        return np.append(np.flatnonzero(self._is_first), len(self._start))


def _merged(lengths: Iterable[Duration]) -> list[Duration]:
    """Neighbouring lengths of time as one: months added one by one would drift."""
    merged: list[Duration] = []
    for length in lengths:
        if length.is_zero:
            continue
        if merged and merged[-1].unit == length.unit == "ns":
            merged[-1] += length
        else:
            merged.append(length)
    return merged


def _as_index(values: object, name: str) -> pd.Index:
    shape = getattr(values, "shape", (0,))
    if len(shape) != 1:
        raise SplitError(f"{name} must have one value per row; it has shape {shape}.")
    index: pd.Index = pd.Index(plain_values(values))  # type: ignore[call-overload]  # anything may come in
    if index.dtype == object:
        index = _from_objects(index, name)
    if isinstance(index.dtype, pd.PeriodDtype):
        raise SplitError(
            f"{name} holds periods such as {index[0]}, which begin and end. Pass "
            f"values.start_time as the times and values.end_time as the end times."
        )
    if index.hasnans:
        missing = np.flatnonzero(index.isna())
        raise SplitError(
            f"{name} is missing in {len(missing)} of {len(index)} rows, first in row {missing[0]}. "
            f"Drop these rows, or fill in when they happened."
        )
    return index


def _from_objects(index: pd.Index, name: str) -> pd.Index:
    kind = pd.api.types.infer_dtype(index, skipna=True)
    if kind == "integer" and not index.hasnans:
        _check_in_range(index.to_numpy(), name)
    if kind in {"period", "integer"}:
        return index.infer_objects()
    if kind not in {"datetime", "date", "datetime64"}:
        return index
    aware = {getattr(value, "tzinfo", None) is not None for value in index.dropna()}
    if len(aware) > 1:
        raise SplitError(
            f"{name} mixes times with and without a time zone. "
            f"Say which zone the others are in: pd.to_datetime(..., utc=True)."
        )
    return pd.DatetimeIndex(pd.to_datetime(index, utc=aware == {True}))


def _from_datetimes(index: pd.Index, name: str) -> Times:
    moments = pd.DatetimeIndex(index)
    try:
        # Not to_numpy(): with a time zone that makes a million Timestamps.
        values = np.asarray(moments.as_unit("ns").asi8, dtype=np.int64)
    except pd.errors.OutOfBoundsDatetime:
        raise SplitError(
            f"{name} reaches from {moments.min()} to {moments.max()}; only the years 1678 to 2261 "
            f"can be told apart to the nanosecond. Replace place-holders by real times."
        ) from None
    if moments.tz is None:
        return Times(values, "naive")
    return Times(values, "aware", None if str(moments.tz) == "UTC" else moments.tz)


def _from_numbers(index: pd.Index, name: str) -> Times:
    values = index.to_numpy()
    if values.dtype.kind == "O":
        values = np.array(values.tolist())
    if values.dtype.kind in "iu":
        _check_in_range(values, name)
        return Times(values.astype(np.int64, copy=False), "number")
    # Beyond this, a whole float may stand for its neighbour.
    broken = values[~((np.floor(values) == values) & (abs(values) < 2.0**53))]
    if len(broken):
        raise SplitError(
            f"{name} holds {broken[0]}; numbers must be whole to be told apart exactly. "
            f"Convert them first, for example with pd.to_datetime(..., unit='s', utc=True)."
        )
    return Times(values.astype(np.int64), "number")


def _check_in_range(values: NDArray[Any], name: str) -> None:
    least, most = int(values.min()), int(values.max())
    if least > -_LIMIT and most < _LIMIT:
        return
    strange = least if least <= -_LIMIT else most
    row = int(np.argmax(values == strange))
    is_missing = strange == -(2**63)
    hint = ", which is what a missing time (NaT) becomes as an integer" if is_missing else ""
    raise SplitError(
        f"{name} holds {strange} in row {row}{hint}; numbers must lie between -2**62 and 2**62. "
        f"Convert times with pd.to_datetime(..., utc=True), and drop rows without one."
    )


def _length_of_time(value: object, name: str, tz: dt.tzinfo | None) -> Duration:
    try:
        months, nanoseconds = parse_length(value)
    except ValueError as reason:
        raise SplitError(
            f"{name}={value!r} is not a duration ({reason}). Pass a length of time such as '30D' "
            f"or pd.Timedelta(days=30), or an int: so many distinct times."
        ) from None
    return Duration(nanoseconds, "ns", months, tz if months else None)
