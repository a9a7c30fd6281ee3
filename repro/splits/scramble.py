"""Rows made useless: what a training row must not see, changed so that it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.splits.times import IntArray

N_SCRAMBLES = 2  # ways to change a row: out of its range, and to an extreme

Array = NDArray[Any]


def scrambled(raw: Any, rows: IntArray, way: int) -> Any:
    """A copy of the data whose given rows are changed; the others, and all times, are not."""
    rng = np.random.default_rng(way)
    if isinstance(raw, pd.DataFrame):
        changed = [_series(raw.iloc[:, i], rows, way, rng) for i in range(raw.shape[1])]
        return pd.concat(changed, axis=1) if changed else raw.copy()
    if isinstance(raw, pd.Series):
        return _series(raw, rows, way, rng)
    copy = raw.copy()
    flat = copy.reshape(len(copy), -1)
    for column in range(flat.shape[1]):
        flat[rows, column] = _values(flat[:, column], rows, way, rng)
    return flat.reshape(raw.shape)


def _series(column: pd.Series, rows: IntArray, way: int, rng: np.random.Generator) -> pd.Series:
    copy = column.copy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().copy()
        codes[rows] = _values(codes, rows, 1, rng)  # only what is a category already
        copy[:] = pd.Categorical.from_codes(codes, dtype=column.dtype)
        return copy
    copy.iloc[rows] = _values(column.to_numpy(), rows, way, rng)
    return copy


def _values(column: Array, rows: IntArray, way: int, rng: np.random.Generator) -> Array:
    """New values for the given rows of a column, of its own kind."""
    permuted = column[rng.permutation(rows)]
    if column.dtype.kind in "mM":
        return np.asarray(column[rows])
    if column.dtype.kind == "b":
        return np.asarray(~permuted)
    if column.dtype.kind in "iu":  # may be codes or classes: never out of their range
        return np.full(len(rows), column.min() if way else column.max())
    if column.dtype.kind == "f":
        known = column[np.isfinite(column)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
        if way:
            return np.full(len(rows), low - (high - low) - 1, dtype=column.dtype)
        return np.asarray(permuted + (high - low) + 1)
    return _objects(column, permuted, way)


def _objects(column: Array, permuted: Array, way: int) -> Array:
    """Words become new words, or all the first word of the column; other things are exchanged."""
    if way:
        return np.repeat(column[:1], len(permuted))
    return np.array(
        [
            f"{value} new{i}" if isinstance(value, str) else value
            for i, value in enumerate(permuted)
        ],
        dtype=object,
    )
