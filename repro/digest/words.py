"""Numbers and times as 64-bit words, and marks where a word alone would not be the value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.errors import UnsupportedData

NUMBERS = "biufcmM"  # kinds of numpy dtypes that become words
MISSING, MICROSECONDS, UNSIGNED = 1, 2, 3  # marks; 0: the word is the value

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Words:
    """Canonical form of some columns: `values` of one or more words a cell, `marks` of one."""

    values: npt.NDArray[np.uint64]  # shape (n_rows, n_words)
    marks: Marks | None = None  # shape (n_rows, n_columns); None: all are 0


def words(values: Array, missing: Mask | None = None) -> Words:
    """Canonical form of numbers or times of shape (n_rows, n_columns).

    Raises
    ------
    UnsupportedData
        A time that neither nanoseconds nor microseconds of 64 bits can tell.
    """
    kind = values.dtype.kind
    if kind == "c":
        wide = np.ascontiguousarray(values).view(values.real.dtype)
        return words(wide, None if missing is None else np.repeat(missing, 2, axis=1))
    if kind == "f":
        return Words(_float_words(values, missing))
    if kind in "mM":
        return _time_words(values, missing)
    marks = None if missing is None else missing * np.uint8(MISSING)
    if values.dtype == np.uint64 and (large := values >> np.uint64(63)).any():
        marks = np.where(large.astype(bool), UNSIGNED, 0 if marks is None else marks)
        marks = marks.astype(np.uint8)
    whole = values.astype(np.uint64) if kind == "u" else values.astype(np.int64).view(np.uint64)
    if missing is not None:
        whole = np.where(missing, np.uint64(0), whole)
    return Words(whole, marks if marks is not None and marks.any() else None)


def _float_words(values: Array, missing: Mask | None) -> npt.NDArray[np.uint64]:
    wide = values.astype(np.float64)
    wide += 0.0  # turns -0.0 into 0.0
    nan = np.isnan(wide)
    if nan.any():
        wide[nan] = np.nan  # one of the many that there are
    if missing is not None:
        wide[missing] = np.nan
    if values.dtype.itemsize <= 8:
        return wide.view(np.uint64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        rest = _float_words((values - wide.astype(values.dtype)).astype(np.float64), missing)
    return np.stack([wide.view(np.uint64), rest], axis=2).reshape(len(values), -1)


def _time_words(values: Array, missing: Mask | None) -> Words:
    """Nanoseconds; beyond the years 1677 to 2262 microseconds, marked."""
    fine, is_exact = _converted(values, "ns")
    out = fine.astype(np.int64)
    marks = None
    if not is_exact.all():
        coarse, fits = _converted(values, "us")
        if not (is_exact | fits).all():
            worst = values[~(is_exact | fits)][0]
            raise UnsupportedData(
                f"the time {worst} is finer than nanoseconds, or more than 290,000 years away. "
                f"Convert it to microseconds."
            )
        out = np.where(is_exact, out, coarse.astype(np.int64))
        marks = np.where(is_exact, 0, MICROSECONDS).astype(np.uint8)
    if missing is not None:
        out = np.where(missing, np.iinfo(np.int64).min, out)
        marks = None if marks is None else np.where(missing, 0, marks).astype(np.uint8)
    return Words(out.view(np.uint64), marks)


def _converted(values: Array, unit: str) -> tuple[Array, Mask]:
    """The times in another unit, and which of them it can tell: numpy wraps around silently."""
    try:
        there = values.astype(f"{values.dtype.kind}8[{unit}]")
        back = there.astype(values.dtype)
    except (TypeError, OverflowError) as error:
        raise UnsupportedData(f"times of {values.dtype} cannot be compared: {error}.") from error
    return there, (back == values) | np.isnat(values)
