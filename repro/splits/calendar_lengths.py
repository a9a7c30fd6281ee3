"""Lengths of time that may hold calendar months, and moments moved by months."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

_MONTHS_OF = (
    (pd.offsets.MonthEnd, 1),
    (pd.offsets.MonthBegin, 1),
    (pd.offsets.QuarterEnd, 3),
    (pd.offsets.QuarterBegin, 3),
    (pd.offsets.YearEnd, 12),
    (pd.offsets.YearBegin, 12),
)
_MONTHS_IN = {"years": 12, "months": 1}
_FIXED = {
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
}


class Length(NamedTuple):
    """So many months of the calendar, and then so many nanoseconds."""

    months: int
    nanoseconds: int

    def iso(self) -> str:
        """As ISO 8601 writes it, such as P1M; `parse_length` reads it back."""
        fixed = pd.Timedelta(self.nanoseconds).isoformat()
        return fixed if self.months == 0 else f"P{self.months}M{fixed[1:]}"


def parse_length(value: object) -> Length:
    """Read '30D', '1ME', 'P1M', a timedelta or an offset of pandas.

    A day is 24 hours and a week 7 days. '1ME' and '1MS' are both one month of the calendar: as
    lengths they do not move anything to the edge of a month. Quarters and years are 3 and 12.

    Raises
    ------
    ValueError
        The value is no length: no number, an unknown unit, business days, or mixed signs.
    """
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, pd.offsets.BaseOffset):
        return _from_offset(value)
    if isinstance(value, np.timedelta64) and np.datetime_data(value.dtype)[0] in {"Y", "M"}:
        return _from_parts({"months": int(value.astype("m8[M]").astype(np.int64))})
    if isinstance(value, (dt.timedelta, np.timedelta64)):
        return Length(0, _nanoseconds(value))
    raise ValueError("not a length of time with a unit")


def is_length(value: object) -> bool:
    """Whether `parse_length` can read it."""
    try:
        parse_length(value)
    except ValueError:
        return False
    return True


def shift_months(
    moments: NDArray[np.int64], months: int, tz: dt.tzinfo | None
) -> NDArray[np.int64]:
    """UTC nanoseconds, moved by months on the calendar of a time zone.

    A day that the other month lacks becomes its last day. A wall time that the clock shows
    twice means its first time; one that it skips, the first after it.
    """
    wall = moments.view("M8[ns]") if tz is None else _wall_times(moments, tz)
    days = wall.astype("M8[D]")
    month = wall.astype("M8[M]")
    target = (month + months).astype("M8[D]")
    last_day = (month + months + 1).astype("M8[D]") - target - 1
    moved = target + np.minimum(days - month.astype("M8[D]"), last_day) + (wall - days)
    return _utc(moved, tz)


def end_of_last_period(moments: NDArray[np.int64], tz: dt.tzinfo | None) -> int:
    """One finest spacing after the last of two or more ascending moments, on the wall clock.

    In UTC a local day may have 23 hours, which is not when the last day ends.
    """
    if tz is None:
        return int(moments[-1] + np.diff(moments).min())
    wall = _wall_times(moments, tz)
    spacings = np.diff(wall)
    end = wall[-1:] + spacings[spacings > np.timedelta64(0)].min()
    return int(_utc(end, tz)[0])


def _utc(wall: NDArray[np.datetime64], tz: dt.tzinfo | None) -> NDArray[np.int64]:
    if tz is None:
        return wall.view(np.int64)
    local = pd.DatetimeIndex(wall).tz_localize(
        tz, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward"
    )
    return np.asarray(local.asi8, dtype=np.int64)


def _wall_times(moments: NDArray[np.int64], tz: dt.tzinfo) -> NDArray[np.datetime64]:
    utc = pd.DatetimeIndex(moments.view("M8[ns]"), tz="UTC")
    return np.asarray(utc.tz_convert(tz).tz_localize(None), dtype="M8[ns]")


def _from_text(text: str) -> Length:
    if not re.match(r"[-+]?(\d|P\w)", text) or re.fullmatch(r"[-+]?[\d.]+", text):
        raise ValueError("not a length of time with a unit")
    if re.search(r"[^-+\s]\s*-\s*\d", text):
        raise ValueError("its parts have different signs")
    iso = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(.*)", text)
    if iso is not None:
        years, months, rest = iso.groups()
        fixed = _nanoseconds(f"P{rest}") if rest else 0
        return Length(12 * int(years or 0) + int(months or 0), fixed)
    # Before pd.Timedelta, which reads the 'MS' of month starts as milliseconds.
    if re.fullmatch(r"[-+]?\d+[MQY][ES](-\w+)?", text):
        return _from_frequency(text)
    try:
        return Length(0, _nanoseconds(text))
    except ValueError:
        return _from_frequency(text)


def _from_frequency(text: str) -> Length:
    try:
        offset = to_offset(text)
    except ValueError:
        raise ValueError(
            "unknown unit; a minute is '1min', a month '1ME', a quarter '1QE', a year '1YE'"
        ) from None
    return _from_offset(offset)


def _from_offset(offset: pd.offsets.BaseOffset) -> Length:
    for kind, months in _MONTHS_OF:
        if isinstance(offset, kind):
            return Length(months * offset.n, 0)
    if isinstance(offset, pd.offsets.Week):
        return _from_parts({"weeks": offset.n})
    if isinstance(offset, pd.offsets.Day):
        return _from_parts({"days": offset.n})
    if isinstance(offset, pd.offsets.Tick):
        return Length(0, int(offset.nanos))
    if type(offset) is pd.DateOffset:
        parts = offset.kwds or {"days": 1}
        return _from_parts({name: amount * offset.n for name, amount in parts.items()})
    raise ValueError(
        "neither a fixed length nor whole months; for business days pass an int, which counts "
        "the timestamps there are"
    )


def _from_parts(parts: dict[str, int]) -> Length:
    unknown = sorted(set(parts) - set(_MONTHS_IN) - _FIXED)
    if unknown:
        raise ValueError(f"{unknown[0]}= sets a field of the date instead of moving it")
    if min(parts.values()) < 0 < max(parts.values()):
        raise ValueError("its parts have different signs")
    months = sum(parts.get(name, 0) * months for name, months in _MONTHS_IN.items())
    fixed = {name: amount for name, amount in parts.items() if name in _FIXED}
    return Length(months, _nanoseconds(pd.Timedelta(**fixed)) if fixed else 0)  # type: ignore[arg-type]  # names come from _FIXED


def _nanoseconds(value: str | dt.timedelta | np.timedelta64) -> int:
    length = pd.Timedelta(value)
    if pd.isna(length):
        raise ValueError("not a time")
    return int(length.as_unit("ns").value)
