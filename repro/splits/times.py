"""Times on one axis of 64-bit integers: UTC nanoseconds, or plain numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError

IntArray = NDArray[np.int64]
Zone = Literal["aware", "naive", "number"]

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

    def show(self, row: int) -> str:
        """The moment of a row, for people."""
        return show_moment(int(self.values[row]), self.zone)


@dataclass(frozen=True)
class Duration:
    """So many distinct timestamps (`ticks`), or so many nanoseconds."""

    amount: int
    unit: Literal["ticks", "ns"]


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


def read_duration(value: object, name: str, zone: Zone) -> Duration:
    """An int counts distinct timestamps; '30D' or a timedelta measures time."""
    # A timedelta64 is an np.integer, and a bool an int.
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
        duration = Duration(int(value), "ticks")
    else:
        duration = Duration(_nanoseconds(value, name), "ns")
    if duration.amount < 0:
        raise SplitError(f"{name}={value!r} is negative; pass 0 or more.")
    if duration.unit == "ns" and zone == "number":
        raise SplitError(
            f"{name}={value!r} is a length of time, but the times are numbers. "
            f"Pass an int: so many distinct times."
        )
    return duration


class Axis:
    """The distinct timestamps of a data set, and how to move along them."""

    def __init__(self, start: IntArray) -> None:
        self.ticks: IntArray = np.unique(start)
        self.after_last = int(self.ticks[-1]) + 1

    def back(self, moment: int, by: Duration) -> int:
        """The moment that lies `by` before; never before the first tick when counting ticks."""
        if by.unit == "ns" or by.amount == 0:
            return moment - by.amount
        return int(self.ticks[max(self._position(moment) - by.amount, 0)])

    def ahead(self, moment: int, by: Duration) -> int:
        """The moment that lies `by` later; never after the end when counting ticks."""
        if by.unit == "ns" or by.amount == 0:
            return moment + by.amount
        position = self._position(moment) + by.amount
        return int(self.ticks[position]) if position < len(self.ticks) else self.after_last

    def reach(self, moments: IntArray, by: Duration) -> IntArray:
        """The last moment, of those at which rows start, within `by` after each moment."""
        if by.amount == 0:
            return moments
        if by.unit == "ns":
            return moments + by.amount
        last = np.searchsorted(self.ticks, moments, side="right") + by.amount - 1
        return self.ticks[np.minimum(last, len(self.ticks) - 1)]

    def _position(self, moment: int) -> int:
        return int(np.searchsorted(self.ticks, moment, side="left"))


def _as_index(values: object, name: str) -> pd.Index:
    shape = getattr(values, "shape", (0,))
    if len(shape) != 1:
        raise SplitError(f"{name} must have one value per row; it has shape {shape}.")
    index: pd.Index = pd.Index(values)  # type: ignore[call-overload]  # anything may come in
    dates = pd.api.types.infer_dtype(index, skipna=True) in {"datetime", "date", "datetime64"}
    if index.dtype == object and dates:
        index = _from_objects(index, name)
    if index.hasnans:
        missing = np.flatnonzero(index.isna())
        raise SplitError(
            f"{name} is missing in {len(missing)} of {len(index)} rows, first in row {missing[0]}. "
            f"Drop these rows, or fill in when they happened."
        )
    return index


def _from_objects(index: pd.Index, name: str) -> pd.Index:
    aware = {getattr(value, "tzinfo", None) is not None for value in index.dropna()}
    if len(aware) > 1:
        raise SplitError(
            f"{name} mixes times with and without a time zone. "
            f"Say which zone the others are in: pd.to_datetime(..., utc=True)."
        )
    return pd.DatetimeIndex(pd.to_datetime(index, utc=aware == {True}))


def _from_datetimes(index: pd.Index, name: str) -> Times:
    moments = pd.DatetimeIndex(index)
    zone: Zone = "naive" if moments.tz is None else "aware"
    if moments.tz is not None:
        moments = moments.tz_convert("UTC").tz_localize(None)
    try:
        values = moments.as_unit("ns").to_numpy().view(np.int64)
    except pd.errors.OutOfBoundsDatetime:
        raise SplitError(
            f"{name} reaches from {moments.min()} to {moments.max()}; only the years 1678 to 2261 "
            f"can be told apart to the nanosecond. Replace place-holders by real times."
        ) from None
    return Times(values, zone)


def _from_numbers(index: pd.Index, name: str) -> Times:
    values = index.to_numpy()
    if values.dtype.kind == "O":
        values = np.array(values.tolist())
    broken = values[~np.isfinite(values) | (np.floor(values) != values)]
    if len(broken):
        raise SplitError(
            f"{name} holds {broken[0]}; numbers must be whole to be told apart exactly. "
            f"Convert them first, for example with pd.to_datetime(..., unit='s', utc=True)."
        )
    return Times(values.astype(np.int64), "number")


def _nanoseconds(value: object, name: str) -> int:
    try:
        if not isinstance(value, (str, dt.timedelta, np.timedelta64)) or str(value).isdigit():
            raise ValueError("not a length of time with a unit")
        length = pd.Timedelta(value)
        if pd.isna(length):
            raise ValueError("not a time")
        return int(length.as_unit("ns").value)
    except ValueError as reason:
        raise SplitError(
            f"{name}={value!r} is not a duration ({reason}). Pass a length of time such as '30D' "
            f"or pd.Timedelta(days=30), or an int: so many distinct times."
        ) from None
