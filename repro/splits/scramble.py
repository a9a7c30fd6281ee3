"""Rows made useless: what a training row must not see, changed so that it shows."""

from __future__ import annotations

import datetime as dt
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.splits.times import IntArray

N_SCRAMBLES = 2  # ways to change a row: out of its range, and to an extreme

Array = NDArray[Any]
Stuck = frozenset[str]


class Scrambled(NamedTuple):
    """A copy of the data with changed rows, and the columns that could not be changed."""

    data: Any
    stuck: Stuck


def scrambled(raw: Any, rows: IntArray, way: int) -> Scrambled:
    """A copy of the data whose given rows are changed; the others, and all times, are not."""
    rng = np.random.default_rng(way)
    if isinstance(raw, (pd.DataFrame, pd.Series)):
        return _table(raw, rows, way, rng)
    copy = raw.copy()
    flat = copy.reshape(len(copy), -1)
    stuck = set()
    for column in range(flat.shape[1]):
        values = _values(flat[:, column], rows, way, rng)
        if values is None:
            stuck.add(str(column))
        else:
            flat[rows, column] = values
    return Scrambled(flat.reshape(raw.shape), frozenset(stuck))


def _table(
    raw: pd.DataFrame | pd.Series, rows: IntArray, way: int, rng: np.random.Generator
) -> Scrambled:
    columns = [raw] if isinstance(raw, pd.Series) else [raw.iloc[:, i] for i in range(raw.shape[1])]
    changed = [_series(column, rows, way, rng) for column in columns]
    names = (repr(old.name) for old, new in zip(columns, changed, strict=True) if new is None)
    kept = [old if new is None else new for old, new in zip(columns, changed, strict=True)]
    if isinstance(raw, pd.Series):
        return Scrambled(kept[0], frozenset(names))
    return Scrambled(pd.concat(kept, axis=1) if kept else raw.copy(), frozenset(names))


def _series(
    column: pd.Series, rows: IntArray, way: int, rng: np.random.Generator
) -> pd.Series | None:
    """The column with changed rows; None if it cannot be changed."""
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype):
        return column.copy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _categories(column, rows, way)
    values = _values(_filled(column), rows, way, rng)
    if values is None:
        return None
    copy = column.copy()
    try:
        copy.iloc[rows] = values
    except (TypeError, ValueError, NotImplementedError):  # a dtype that takes no other values
        return None
    return copy


def _categories(column: pd.Series, rows: IntArray, way: int) -> pd.Series | None:
    """Every row in another category of the column, or all in the first; a lone one is taken out."""
    n_all = len(column.cat.categories)
    if n_all == 0:
        return None
    codes = column.cat.codes.to_numpy().astype(np.int64)
    if way:
        codes[rows] = 0
    else:
        codes[rows] = -1 - codes[rows] if n_all == 1 else (codes[rows] + 1) % n_all
    values = pd.Categorical.from_codes(
        codes, categories=column.cat.categories, ordered=column.cat.ordered
    )
    return pd.Series(values, index=column.index, name=column.name)


def _filled(column: pd.Series) -> Array:
    """The values of a column, those of a nullable dtype without gaps."""
    is_plain = isinstance(column.dtype, np.dtype) or not column.hasnans
    if is_plain or not isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
        return column.to_numpy()
    known = column.dropna()
    empty = "" if pd.api.types.is_string_dtype(column.dtype) else 0
    values = column.fillna(known.iloc[0] if len(known) else column.dtype.type(empty))
    return values.to_numpy(known.to_numpy().dtype if len(known) else None)


def _values(column: Array, rows: IntArray, way: int, rng: np.random.Generator) -> Array | None:
    """New values for the given rows of a column, of its own kind; None if there are none."""
    old = column[rows]
    kind = column.dtype.kind
    if kind in "mM":
        return old
    if kind == "b":
        return np.ones(len(rows), dtype=bool) if way else np.asarray(~old)
    if kind in "iu":
        return _integers(column, len(rows), way)
    if kind in "fc":
        return _floats(column, column[rng.permutation(rows)], way)
    if kind == "U":
        return _first_letters(old)
    return _objects(column, rows, way) if kind == "O" else None


def _integers(column: Array, n_rows: int, way: int) -> Array:
    """The least or the greatest value: they may be codes, and others would be out of range.

    A column of one value has another one next to it.
    """
    least, most = column.min(), column.max()
    if least < most:
        return np.full(n_rows, least if way else most)
    is_up = most < np.iinfo(column.dtype).max and not (way and least > np.iinfo(column.dtype).min)
    return np.full(n_rows, int(most) + (1 if is_up else -1), dtype=column.dtype)


def _floats(column: Array, permuted: Array, way: int) -> Array:
    known = column[np.isfinite(column)].real
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        away = (high - low) + max(1.0, abs(low), abs(high))  # 1 more than 1e300 is 1e300
        if way:
            return np.full(len(permuted), low - away, dtype=column.dtype)
        return np.asarray(permuted + away, dtype=column.dtype)


def _first_letters(old: Array) -> Array:
    """Texts of a fixed width with another first letter."""
    texts = [("!" if text.startswith("~") else "~") + text[1:] for text in old.tolist()]
    return np.array(texts, dtype=old.dtype)


def _objects(column: Array, rows: IntArray, way: int) -> Array | None:
    """Words become new words, or all the first word of the column; times stay as they are.

    A column of other things, such as lists, cannot be changed so that it surely shows.
    """
    values = np.empty(len(rows), dtype=object)
    first = next((value for value in column if isinstance(value, str)), "")
    for i, row in enumerate(rows):
        value = column[row]
        if isinstance(value, (list, tuple, dict, set, np.ndarray)):
            return None
        if not isinstance(value, (str, bool, np.bool_, Number, dt.date, dt.time, dt.timedelta)):
            if not pd.isna(value):
                return None
            values[i] = f"{first} new{i}"
        else:
            values[i] = _other(value, first if way else None, i)
    return values


def _other(value: Any, first: str | None, number: int) -> Any:
    """Something else in place of one object of a known kind."""
    if isinstance(value, str):
        return f"{value} new{number}" if first is None else first
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, Number):
        missing = pd.isna(value)  # type: ignore[call-overload]  # a number
        return number if missing else value + (1 if first is None else -1)  # type: ignore[operator]  # a number
    return value
