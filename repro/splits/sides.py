"""One side of a fold as a set of rows, whatever it was handed over as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.rows import aligned
from repro.splits.times import FloatArray, IntArray

Mask = NDArray[np.bool_]

CHUNK_ROWS = 2**16


class Fault(NamedTuple):
    """How many entries are wrong, what is wrong with them, and the label that this is about."""

    n_entries: int
    note: str
    label: str = ""


@dataclass(eq=False)
class Side:
    """The rows of one side that can be read, and what is wrong with the other entries."""

    mask: Mask  # shape (n_rows of the data,)
    n_rows: int
    faults: tuple[Fault, ...] = ()
    _along: Mask | None = None

    @cached_property
    def rows(self) -> IntArray:
        """The rows, ascending."""
        return np.flatnonzero(self.mask)

    def along(self, order: IntArray | None) -> Mask:
        """The mask in the order of time, which is the same at every call; None: it is already."""
        if order is None:
            return self.mask
        if self._along is None:
            self._along = self.mask[order]
        return self._along


def read_side(entries: object, n_rows: int, labels: pd.Index | None, name: str) -> Side:
    """Row numbers, a mask, several lists of row numbers, or a frame of rows known by label."""
    entries = series_values(entries, labels, name)
    if isinstance(entries, (pd.DataFrame, pd.Series)):
        return _of_labels(entries.index, n_rows, labels, name)
    array = entry_array(entries)
    if array.size == 0:
        return Side(np.zeros(n_rows, dtype=bool), 0, (Fault(1, f"{name} is empty"),))
    if array.dtype == bool and array.shape == (n_rows,):
        return _of_mask(array.astype(bool), name)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        kind = f"{array.dtype} values of shape {array.shape}"
        fault = Fault(array.size, f"{name} holds {kind}, not row numbers")
        return Side(np.zeros(n_rows, dtype=bool), 0, (fault,))
    return _of_positions(array, n_rows, name)


def entry_array(entries: object) -> NDArray[np.generic]:
    """The entries as one array; lists of several test sets, as skfolio gives them, are joined."""
    try:
        if isinstance(entries, (list, tuple)) and entries and np.ndim(entries[0]) == 1:
            return np.concatenate([np.asarray(part) for part in entries])
        return np.asarray(entries)
    except ValueError:  # numbers and lists together
        return np.empty(len(entries) if isinstance(entries, Sized) else 1, dtype=object)


def rows_in_order(
    entries: object, n_rows: int, labels: pd.Index | None, name: str
) -> NDArray[np.generic]:
    """The rows of a side in the order in which they were handed over.

    What is no set of row numbers comes back as it is.
    """
    entries = series_values(entries, labels, name)
    if isinstance(entries, (pd.DataFrame, pd.Series)):
        return _found_by_label(entries.index, labels, name)
    array = entry_array(entries)
    is_mask = array.dtype == bool and array.shape == (n_rows,)
    return np.flatnonzero(array) if is_mask else array


def holds_rows(entries: object) -> bool:
    """Whether a Series is a mask or row numbers, and no piece of the data."""
    return isinstance(entries, pd.Series) and (
        pd.api.types.is_bool_dtype(entries.dtype) or pd.api.types.is_integer_dtype(entries.dtype)
    )


def series_values(entries: object, labels: pd.Index | None, name: str) -> object:
    """A Series of booleans as a mask in the order of X, one of whole numbers as row numbers."""
    if not isinstance(entries, pd.Series):
        return entries
    if not holds_rows(entries):
        _refuse_odd_numbers(entries, name)
        return entries
    if entries.isna().any():
        raise SplitError(
            f"{name} is a Series of {entries.dtype} with missing values, first for label "
            f"{entries.index[entries.isna()][0]!r}. Fill them, or pass row numbers."
        )
    if not pd.api.types.is_bool_dtype(entries.dtype):
        return entries.to_numpy(dtype=np.int64)
    return (entries if labels is None else aligned(entries, labels, name)).to_numpy(dtype=bool)


def cut_as_table(entries: object, data: object, name: str) -> object:
    """A piece of X, where X is a Series, or of a column of X as a table: its rows go by label."""
    if not isinstance(entries, pd.Series) or len(entries) == 0:
        return entries
    column = _column(entries, data)
    is_cut = (
        column is not None
        and column.index.is_unique
        and bool(entries.index.isin(column.index).all())
        and column.loc[entries.index].equals(entries)
    )
    if column is None or not is_cut:
        return entries
    rows, n_rows = column.index.get_indexer(entries.index), len(column)
    if _may_be_other_rows(entries, rows, n_rows):
        raise SplitError(
            f"{name} is a Series of {entries.dtype} like X: row numbers, or a piece of X? Pass "
            f".to_numpy() for row numbers or a mask, .to_frame() for a piece of X."
        )
    return entries.to_frame()


def _column(entries: pd.Series, data: object) -> pd.Series | None:
    if isinstance(data, pd.Series):
        return data
    # Whole numbers beside a table are rows, whatever its columns hold.
    if not isinstance(data, pd.DataFrame) or holds_rows(entries):
        return None
    if not data.columns.is_unique or entries.name not in data.columns:
        return None
    return data[entries.name]


def _may_be_other_rows(entries: pd.Series, rows: IntArray, n_rows: int) -> bool:
    """Whether a piece of X may also be a mask, or the numbers of other rows than its own."""
    if pd.api.types.is_bool_dtype(entries.dtype):
        return len(entries) == n_rows and not bool(entries.all())
    numbers = _whole_numbers(entries)
    if numbers is None or numbers.min() < 0 or numbers.max() >= n_rows:
        return False
    chosen = np.unique(numbers)
    return len(chosen) == len(numbers) and not np.array_equal(chosen, np.sort(rows))


def _whole_numbers(entries: pd.Series) -> FloatArray | None:
    """All values that are not missing, if each is a whole number."""
    kind = pd.api.types.infer_dtype(entries, skipna=True)
    if kind not in ("integer", "floating", "mixed-integer-float", "boolean"):
        return None
    values = entries.dropna().to_numpy(dtype=np.float64)
    return values if len(values) and (values == np.floor(values)).all() else None


def _refuse_odd_numbers(entries: pd.Series, name: str) -> None:
    """A Series of 3.0 or of objects may hold rows, and its labels would be read instead."""
    if _whole_numbers(entries) is not None:
        first = entries.dropna().tolist()[0]
        raise SplitError(
            f"{name} is a Series of {entries.dtype} such as {first!r}: row numbers, or "
            f"a column of the data? Pass whole numbers (.astype(int)), a mask (.astype(bool)), or "
            f"a DataFrame (.to_frame()), whose rows are found by label."
        )


def present(codes: IntArray, n_codes: int, side: Mask) -> Mask:
    """Which codes the rows of a side have; stops as soon as it has seen all."""
    found = np.zeros(n_codes + 1, dtype=bool)  # the last one takes -1
    for part in _parts(len(codes)):
        found[codes[part][side[part]]] = True
        if found[:-1].all():
            break
    return found[:-1]


def first_of(codes: IntArray, code: int, side: Mask) -> int:
    """The first row of a side that has a code."""
    for part in _parts(len(codes)):
        hits = (codes[part] == code) & side[part]
        if hits.any():
            return int(part.start + np.argmax(hits))
    raise LookupError(f"no row has code {code}")


def first_row(rows: IntArray, is_partner: Callable[[IntArray], Mask]) -> int:
    """The first of some rows that is a partner."""
    for part in _parts(len(rows)):
        hits = is_partner(rows[part])
        if hits.any():
            return int(rows[part][np.argmax(hits)])
    raise LookupError("none of the rows is a partner")


def _parts(n_rows: int) -> Iterator[slice]:
    """All rows a part at a time, because most searches end early."""
    return (slice(start, start + CHUNK_ROWS) for start in range(0, n_rows, CHUNK_ROWS))


def _of_mask(mask: Mask, name: str) -> Side:
    n_chosen = int(np.count_nonzero(mask))
    return Side(mask, n_chosen, () if n_chosen else (Fault(1, f"{name} is empty"),))


def _of_positions(array: NDArray[np.generic], n_rows: int, name: str) -> Side:
    positions = array.astype(np.int64, copy=False)
    faults: list[Fault] = []
    if positions.min() < 0 or positions.max() >= n_rows:
        is_row = (positions >= 0) & (positions < n_rows)
        strange = f"{name} has row {array[~is_row][0]}, the data have rows 0 to {n_rows - 1}"
        faults.append(Fault(int((~is_row).sum()), strange))
        positions = positions[is_row]
    mask = np.zeros(n_rows, dtype=bool)
    mask[positions] = True
    n_chosen = int(np.count_nonzero(mask))
    if n_chosen < len(positions):
        rows, counts = np.unique(positions, return_counts=True)
        twice = f"{name} has row {rows[counts > 1][0]} {counts[counts > 1][0]} times"
        faults.append(Fault(len(positions) - n_chosen, twice))
    return Side(mask, n_chosen, tuple(faults))


def _positions(index: pd.Index, labels: pd.Index | None, name: str) -> IntArray:
    """The rows of X that have these labels; -1 where none has."""
    if labels is None:
        raise SplitError(
            f"{name} is a table, whose rows are found by label, but X has no labels. "
            f"Pass X as a DataFrame, or row numbers as folds."
        )
    if not labels.is_unique:
        raise SplitError(
            f"{name} is a table, whose rows are found by label, but X has label "
            f"{labels[labels.duplicated()][0]!r} more than once. Make the labels of X unique."
        )
    return labels.get_indexer(index).astype(np.int64, copy=False)


def _found_by_label(index: pd.Index, labels: pd.Index | None, name: str) -> IntArray:
    positions = _positions(index, labels, name)
    unknown = positions < 0
    if unknown.any():
        raise SplitError(
            f"{name} has label {index[unknown][0]!r}, which X does not have. "
            f"Pass tables that were cut from X, or row numbers."
        )
    return positions


def _of_labels(index: pd.Index, n_rows: int, labels: pd.Index | None, name: str) -> Side:
    """The rows of a frame, found in X by their labels."""
    positions = _positions(index, labels, name)
    if len(index) == 0:
        return Side(np.zeros(n_rows, dtype=bool), 0, (Fault(1, f"{name} is empty"),))
    unknown = positions < 0
    if not unknown.any():
        return _of_positions(positions, n_rows, name)
    note = f"is the label of a {name} row, which X does not have"
    fault = Fault(int(unknown.sum()), note, repr(index[unknown][0]))
    if unknown.all():
        return Side(np.zeros(n_rows, dtype=bool), 0, (fault,))
    known = _of_positions(positions[~unknown], n_rows, name)
    return Side(known.mask, known.n_rows, (fault, *known.faults))
