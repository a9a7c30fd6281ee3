"""One side of a fold as a set of rows, whatever it was handed over as."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.times import IntArray

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
    if isinstance(entries, (list, tuple)) and entries and np.ndim(entries[0]) == 1:
        return np.concatenate([np.asarray(part) for part in entries])
    return np.asarray(entries)


def rows_in_order(entries: object, labels: pd.Index | None) -> NDArray[np.generic]:
    """The rows of a side without faults, in the order in which they were handed over."""
    if isinstance(entries, (pd.DataFrame, pd.Series)):
        assert labels is not None
        return labels.get_indexer(entries.index)
    array = entry_array(entries)
    return np.flatnonzero(array) if array.dtype == bool else array


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


def _of_labels(index: pd.Index, n_rows: int, labels: pd.Index | None, name: str) -> Side:
    """The rows of a frame, found in X by their labels."""
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
    if len(index) == 0:
        return Side(np.zeros(n_rows, dtype=bool), 0, (Fault(1, f"{name} is empty"),))
    positions = labels.get_indexer(index)
    unknown = positions < 0
    if not unknown.any():
        return _of_positions(positions, n_rows, name)
    note = f"is the label of a {name} row, which X does not have"
    fault = Fault(int(unknown.sum()), note, repr(index[unknown][0]))
    if unknown.all():
        return Side(np.zeros(n_rows, dtype=bool), 0, (fault,))
    known = _of_positions(positions[~unknown], n_rows, name)
    return Side(known.mask, known.n_rows, (fault, *known.faults))
