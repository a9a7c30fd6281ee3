"""What a preprocessing step returned, as columns that can be compared to the bit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.parameters import unboxed
from repro.splits.times import IntArray

Columns = Mapping[Hashable, NDArray[Any]]


class Change(NamedTuple):
    """The first difference between two tables."""

    row: int  # of the table
    n_rows: int  # that differ, in this column or in any other
    note: str


def train_columns(output: Any, train: IntArray, n_rows: int) -> Columns:
    """The columns of the train rows, from a table of all rows or a pair (train, test)."""
    is_pair = isinstance(output, tuple) and len(output) == 2
    columns = _columns(output[0] if is_pair else output)
    n_found = len(next(iter(columns.values()), ()))
    if is_pair and n_found == len(train):
        return columns
    if not is_pair and n_found == n_rows:
        return {name: values[train] for name, values in columns.items()}
    wanted = f"{len(train)} train rows" if is_pair else f"{n_rows} rows"
    raise SplitError(
        f"the preprocessing returned {n_found} rows for {wanted}. Return one row per row of raw, "
        f"in its order, or a pair (features of train rows, features of test rows)."
    )


def first_difference(before: Columns, after: Columns) -> Change | None:
    """Where two tables first differ, row by row, or None."""
    n_rows = len(next(iter(before.values()), ()))
    if list(before) != list(after):
        return Change(0, n_rows, _changed_names(before, after))
    for name, values in before.items():
        if values.dtype != after[name].dtype:
            note = f"column {name!r}: {values.dtype}, after the change {after[name].dtype}"
            return Change(0, n_rows, note)
    differs = {name: _differs(before[name], after[name]) for name in before}
    changed = np.logical_or.reduce(list(differs.values())) if differs else np.zeros(0, bool)
    if not changed.any():
        return None
    row = int(np.argmax(changed))
    name = next(name for name, mask in differs.items() if mask[row])
    old, new = (unboxed(side[name][row]) for side in (before, after))
    note = f"column {name!r}: {old!r}, after the change {new!r}"
    return Change(row, int(changed.sum()), note)


def _columns(output: Any) -> Columns:
    if hasattr(output, "toarray"):  # a sparse matrix of scipy
        output = output.toarray()
    if isinstance(output, pd.Series):
        output = output.to_frame("0" if output.name is None else output.name)
    if not isinstance(output, pd.DataFrame):
        values = np.asarray(output)
        if values.ndim == 0:
            raise SplitError(f"the preprocessing returned {output!r}, which has no rows.")
        output = pd.DataFrame(values.reshape(len(values), -1))
    return {name: output.iloc[:, i].to_numpy() for i, name in enumerate(output.columns)}


def _differs(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
    if before.dtype.kind in "fc":  # to the bit: -0.0 is not 0.0, and NaN is NaN
        words = np.ascontiguousarray(before).view(np.uint8).reshape(len(before), -1)
        others = np.ascontiguousarray(after).view(np.uint8).reshape(len(after), -1)
        return np.asarray((words != others).any(axis=1))
    missing = pd.isna(before) & pd.isna(after)
    return np.asarray((before != after) & ~missing, dtype=bool)


def _changed_names(before: Columns, after: Columns) -> str:
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    parts = [f"{said} {names[:3]}" for said, names in (("lost", gone), ("new", new)) if names]
    return f"{len(before)} columns, after the change {len(after)}: {', '.join(parts)}"
