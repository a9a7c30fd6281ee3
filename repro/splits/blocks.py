"""The test blocks of a data set along time, and who may train for any set of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.folds import Fold
from repro.splits.parameters import one_of, whole_number
from repro.splits.rows import read_parameter
from repro.splits.runs import Runs
from repro.splits.sides import Mask
from repro.splits.spans import (
    Closed,
    EndSource,
    OpeningSource,
    Spans,
    TimeSource,
    close_left,
    read_spans,
    read_window_starts,
)
from repro.splits.times import Axis, Duration, IntArray, LengthSource, read_duration, shift

Ranks = NDArray[np.int64] | NDArray[np.uint8]

BEFORE_ALL = np.iinfo(np.int64).min
FEW = 64  # thresholds; up to here a comparison with each is faster than a search for every row
FEW_CHANGES = 100  # rows per change of cell, on average; from here on runs are faster than masks


class Purging(Protocol):
    """The parameters of a splitter that cuts time into blocks."""

    time: TimeSource | None
    end_time: EndSource | None
    feature_start: OpeningSource | None
    embargo: LengthSource | None
    closed: Closed
    min_train: int


def read_block_spans(cv: Purging, data: object, times: object, end_times: object) -> Spans:
    """When each row of X happened, was known, and where its feature window opens."""
    spans = read_spans(data, time=cv.time, times=times, end_time=cv.end_time, end_times=end_times)
    if cv.feature_start is None:
        return spans
    opened = read_window_starts(data, spans.start, cv.feature_start, read_parameter)
    return replace(spans, opened=opened)


@dataclass(frozen=True)
class Asked:
    """How many blocks a splitter asks for, by which parameter, and what else would do."""

    n_blocks: int
    name: str
    fix: str


def read_blocks(cv: Purging, asked: Asked, spans: Spans) -> Blocks:
    """The blocks a splitter asks for; refuses parameters and data that are not usable."""
    whole_number(cv.min_train, "min_train", at_least=1)
    one_of(cv.closed, "closed", get_args(Closed))
    length = 0 if cv.embargo is None else cv.embargo
    embargo = read_duration(length, "embargo", spans.start.zone, tz=spans.start.tz)
    _check_last_label(spans, embargo, cv.embargo)
    return Blocks(close_left(spans) if cv.closed == "left" else spans, asked, embargo)


def _check_last_label(spans: Spans, embargo: Duration, told: object) -> None:
    """Refuse a label after whose end no embargo can be told."""
    assert spans.end is not None
    if embargo.unit != "ns":
        return
    last = int(np.argmax(spans.end.values))
    try:
        shift(spans.end.values[last : last + 1], embargo)
    except SplitError:
        raise SplitError(
            f"the label of row {last} ends at {spans.end.show(last)}, and embargo={told!r} after "
            f"it leads out of the years 1678 to 2261. Replace place-holders by real times, or pass "
            f"a shorter embargo."
        ) from None


class Blocks:
    """Consecutive blocks of equally many distinct timestamps, the first ones get the rest.

    Of a block only its first start and its last label end count, for they meet whatever meets
    any of its rows from outside; so do those of several blocks that follow each other. Rows
    that lie alike to all these moments are one cell: no fold can tell them apart. A fold is
    worked out per cell, and rows are looked at when it is handed out.
    """

    def __init__(self, spans: Spans, asked: Asked, embargo: Duration) -> None:
        assert spans.end is not None
        start, end = spans.start.values, spans.end.values
        axis = Axis(start)
        self.first_tick = _first_ticks(axis.ticks, asked, len(start))
        before_first = self.first_tick - 1
        block, _ = _rank(start, before_first)
        last_end = _last_per_block(block, end, asked.n_blocks)
        beyond, self.seal = _rank(start, axis.reach(last_end, embargo))
        codes = [block, _rank(end, before_first)[0], beyond]
        self.sight: IntArray | None = None
        if spans.opened is not None:
            # A label that is known at once hides nothing from a window.
            hidden = np.where(end > start, end, BEFORE_ALL)
            hidden_end = _last_per_block(block, hidden, asked.n_blocks)
            sees, self.sight = _rank(spans.opened.values, hidden_end)
            codes.append(sees)
        self.cell, self.codes = _cells(codes)
        self.n_rows_of = np.bincount(self.cell)

    def split(self, test_sets: Iterable[Sequence[int]], min_train: int) -> Iterator[Fold]:
        """Row positions (train, test), ascending, for each set of ascending block numbers.

        Raises
        ------
        SplitError
            Before the first fold, if one keeps fewer than `min_train` training rows.
        """
        sets = [tuple(blocks) for blocks in test_sets]
        for number, blocks in enumerate(sets):
            n_train = int(self.n_rows_of[self._train_cells(blocks)].sum())
            _check_size(number, n_train, min_train)
        return (
            (self._rows(self._train_cells(blocks)), self._rows(self._test_cells(blocks)))
            for blocks in sets
        )

    def test(self, blocks: Sequence[int]) -> IntArray:
        """The rows of some blocks, ascending."""
        return self._rows(self._test_cells(blocks))

    def _test_cells(self, blocks: Sequence[int]) -> Mask:
        return np.isin(self.codes[0], np.array(blocks) + 1)

    def _train_cells(self, blocks: Sequence[int]) -> Mask:
        """Cells that end before each run of test blocks, or start when all its labels are known."""
        block, end, beyond = self.codes[:3]
        kept = np.ones(len(block), dtype=bool)
        for run in _runs(blocks):
            after = (block > run[-1] + 1) & (beyond > self.seal[run].max())
            if self.sight is not None:
                after &= self.codes[3] > self.sight[run].max()
            kept &= (end <= run[0]) | after
        return kept

    def _rows(self, cells: Mask) -> IntArray:
        if self._changes is None:
            return np.flatnonzero(cells[self.cell])
        edges = np.flatnonzero(np.diff(cells[self.cell[self._changes[:-1]]], prepend=0, append=0))
        moments = self._changes[edges]
        return Runs(moments[::2], moments[1::2]).positions()

    @cached_property
    def _changes(self) -> IntArray | None:
        """Rows before which the cell changes, 0 and the number of rows; None if there are many."""
        changes = np.flatnonzero(np.diff(self.cell)) + 1
        if len(changes) * FEW_CHANGES > len(self.cell):
            return None
        return np.concatenate(([0], changes, [len(self.cell)]))


def _first_ticks(ticks: IntArray, asked: Asked, n_rows: int) -> IntArray:
    if len(ticks) < asked.n_blocks:
        raise SplitError(
            f"{asked.name}={asked.n_blocks} needs {asked.n_blocks} distinct times, X has "
            f"{len(ticks)} in {n_rows} rows. {asked.fix}"
        )
    sizes = np.full(asked.n_blocks, len(ticks) // asked.n_blocks)
    sizes[: len(ticks) % asked.n_blocks] += 1  # as scikit-learn's KFold
    first: IntArray = ticks[np.cumsum(sizes) - sizes]
    return first


def _rank(values: IntArray, thresholds: IntArray) -> tuple[Ranks, IntArray]:
    """Ranks of values and of thresholds: a value is above a threshold if and only if its rank is.

    The rank of a value is the number of thresholds below it.
    """
    ordered = np.sort(thresholds)
    of_thresholds = np.searchsorted(ordered, thresholds, side="left")
    if len(ordered) > FEW:
        return np.searchsorted(ordered, values, side="left"), of_thresholds
    rank = np.zeros(len(values), dtype=np.uint8)
    for threshold in ordered:
        rank += values > threshold
    return rank, of_thresholds


def _last_per_block(block: Ranks, end: IntArray, n_blocks: int) -> IntArray:
    """The last end in each block, whose ranks begin at 1; the beginning of time if it has none."""
    last = np.full(n_blocks + 1, BEFORE_ALL)
    np.maximum.at(last, block.astype(np.intp, copy=False), end)
    return last[1:]


def _cells(codes: Sequence[Ranks]) -> tuple[IntArray, list[IntArray]]:
    """The cell of each row, and each code of every cell."""
    cell: IntArray = np.zeros(1, dtype=np.int64)
    n_cells = 1
    of_cell: list[IntArray] = []
    for code in codes:
        # One code at a time: the product of all their ranges may be beyond an int64.
        pair = code.astype(np.int64)
        pair *= n_cells
        pair += cell
        cell, pairs = pd.factorize(pair)
        of_code, before = np.divmod(pairs, n_cells)
        of_cell = [*(earlier[before] for earlier in of_cell), of_code]
        n_cells = len(pairs)
    return cell, of_cell


def _runs(blocks: Sequence[int]) -> list[IntArray]:
    """Ascending block numbers as maximal runs of neighbours."""
    numbers = np.array(blocks)
    return np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)


def _check_size(number: int, n_train: int, min_train: int) -> None:
    if n_train < min_train:
        raise SplitError(
            f"fold {number} keeps {n_train} training rows, min_train={min_train}. "
            f"Ask for fewer splits, shorten the labels or the embargo, or bring more rows."
        )
