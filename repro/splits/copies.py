"""Rows that repeat another row by content, found once for the data set."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.digest import Block, table
from repro.errors import UnsupportedData
from repro.splits.sides import Mask
from repro.splits.times import IntArray

Hashes = NDArray[np.uint64]

CHUNK_CELLS = 2**18  # 2 MB of words at a time stay in the cache


@dataclass(frozen=True, eq=False)
class Twins:
    """Rows that equal another row; equal rows have equal codes."""

    rows: IntArray  # ascending
    codes: IntArray  # of these rows, 0 to n_codes - 1
    n_codes: int

    def across(self, train: Mask, test: Mask) -> IntArray:
        """Training rows, ascending, that equal a test row."""
        in_test = np.zeros(self.n_codes, dtype=bool)
        in_test[self.codes[test[self.rows]]] = True
        return self.rows[train[self.rows] & in_test[self.codes]]

    def partner(self, row: int, test: Mask) -> int:
        """The first test row that equals a training row."""
        code = self.codes[np.searchsorted(self.rows, row)]
        return int(self.rows[np.argmax(test[self.rows] & (self.codes == code))])


@dataclass(frozen=True, eq=False)
class Copies:
    """Which rows are equal: in their features, and in features and label."""

    features: Twins
    whole: Twins


def read_copies(data: Any, y: object, left_out: Collection[Hashable]) -> Copies | str:
    """Which rows of X and y are equal, or why that cannot be told.

    The columns `left_out` say when a row happened or which one it is: no copy of a row has the
    same. Rows are compared by 64 bits of a hash; of 1e7 distinct rows two are taken for equal
    with a probability of 3e-6.
    """
    if isinstance(data, range) or 0 in getattr(data, "shape", ()):
        return "no content of the rows was given (X=)"
    named = [name for name in getattr(data, "columns", ()) if name in left_out]
    if named and len(named) == len(data.columns):
        return "X has no column beside times and row_id"
    if named:
        data = data.drop(columns=named) if isinstance(data, pd.DataFrame) else data.drop(named)
    try:
        content = table(data if y is None else (data, y))
    except UnsupportedData as reason:
        return f"the rows cannot be compared by content: {reason}"
    hashes = _hashes(content.features)
    features = _twins(hashes, np.arange(len(hashes)))
    if not content.labels or len(features.rows) == 0:
        return Copies(features, features)
    labels = [block.take(features.rows) for block in content.labels]
    return Copies(features, _twins(_hashes(labels, hashes[features.rows]), features.rows))


def _hashes(blocks: Sequence[Block], seeds: Hashes | None = None) -> Hashes:
    """One 64-bit hash a row over all columns, column by column."""
    n_rows = blocks[0].values.shape[0]
    found = np.zeros(n_rows, dtype=np.uint64) if seeds is None else seeds.copy()
    step = max(1, CHUNK_CELLS // sum(block.n_columns for block in blocks))
    for start in range(0, n_rows, step):
        for block in blocks:
            _add(block.take(slice(start, start + step)), found[start : start + step])
    return found


def _add(block: Block, hashes: Hashes) -> None:
    words = block.words()
    for column in words.values.T:
        hashes += column
        _mix(hashes)
    if words.marks is None:
        return
    for number, marks in enumerate(words.marks.T):
        is_marked = marks != 0
        marked = hashes[is_marked] ^ (marks[is_marked].astype(np.uint64) + np.uint64(4 * number))
        _mix(marked)
        hashes[is_marked] = marked


def _mix(hashes: Hashes) -> None:
    """In place; the finalizer of SplitMix64 (Steele, Lea and Flood 2014), behind an increment."""
    hashes += np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)


def _twins(hashes: Hashes, rows: IntArray) -> Twins:
    """The rows whose hash another one has, too."""
    # Values are sorted several times faster than positions, and most data repeat no row.
    in_order = np.sort(hashes)
    if not (in_order[1:] == in_order[:-1]).any():
        nothing = np.empty(0, dtype=np.int64)
        return Twins(nothing, nothing, 0)
    order = np.argsort(hashes)
    in_order = hashes[order]
    is_new = np.append(True, in_order[1:] != in_order[:-1])
    repeats = ~is_new
    repeats[:-1] |= ~is_new[1:]
    places = order[repeats]
    codes = np.cumsum(is_new[repeats]) - 1
    by_row = np.argsort(places)
    return Twins(rows[places[by_row]], codes[by_row], int(codes[-1]) + 1)
