"""What the conditions of a split are checked against: the rows, their times, their groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.splits.folds import Policy
from repro.splits.labels import Labels
from repro.splits.parameters import Scalar
from repro.splits.proof import RowView
from repro.splits.spans import Spans
from repro.splits.times import Axis, Duration, IntArray

Duplicates = Literal["forbid", "features", "report"]


@dataclass(frozen=True, eq=False)
class CheckedFold:
    """The rows of one fold that can be read, and what is wrong with the others."""

    train: IntArray  # ascending, unique, in range
    test: IntArray
    faults: tuple[tuple[int, str], ...]  # how many entries, and what is wrong with them


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known about the rows of a data set; times are closed spans."""

    n_rows: int
    policy: Policy
    n_witnesses: int
    duplicates: Duplicates
    spans: Spans | None = None
    embargo: Duration | None = None
    groups: Labels | None = None
    groups_policy: str | None = None  # what the splitter was told, if it knows groups
    row_labels: Labels | pd.Index | None = None

    def view(self, row: int) -> RowView:
        """One row, for people."""
        spans = self.spans
        return RowView(
            position=row,
            label=self._label(row),
            start=None if spans is None else spans.start.show(row),
            end=None if spans is None or spans.end is None else spans.end.show(row),
            group=None if self.groups is None else self.groups.name(row),
        )

    @cached_property
    def axis(self) -> Axis:
        """The distinct times of all rows."""
        assert self.spans is not None
        return Axis(self.spans.start.values)

    @cached_property
    def label_meetings(self) -> Meetings:
        """Which label spans meet which."""
        assert self.spans is not None
        assert self.spans.end is not None
        start, end = self.spans.start.values, self.spans.end.values
        return Meetings(start, end, start, end)

    @cached_property
    def window_meetings(self) -> Meetings:
        """Which feature windows [f0, t0] look into which labels (t0, t1]."""
        assert self.spans is not None
        assert self.spans.end is not None
        assert self.spans.opened is not None
        start, end = self.spans.start.values, self.spans.end.values
        return Meetings(start + 1, end, self.spans.opened.values, start)

    def _label(self, row: int) -> Scalar:
        if isinstance(self.row_labels, Labels):
            return self.row_labels.name(row)
        if self.row_labels is None or self.row_labels[row] == row:  # says no more than position
            return None
        return str(self.row_labels[row])


class Meetings:
    """Counts, for closed intervals on one axis, with how many others each one meets.

    Interval i meets as many test intervals as begin no later than it ends, less those that end
    before it begins. Sorted once for the data set; each fold then costs two cumulative sums.
    """

    def __init__(
        self, test_lo: IntArray, test_hi: IntArray, train_lo: IntArray, train_hi: IntArray
    ) -> None:
        self.test_lo, self.test_hi = test_lo, test_hi
        self.train_lo, self.train_hi = train_lo, train_hi
        self.by_lo, self.by_hi = np.argsort(test_lo), np.argsort(test_hi)
        self.n_begun = np.searchsorted(test_lo[self.by_lo], train_hi, side="right")
        self.n_over = np.searchsorted(test_hi[self.by_hi], train_lo, side="left")

    def that_meet(self, train: IntArray, test: IntArray) -> IntArray:
        """The train rows that meet at least one test row."""
        chosen = np.zeros(len(self.test_lo), dtype=np.int64)
        chosen[test] = 1
        begun = np.concatenate(([0], np.cumsum(chosen[self.by_lo])))
        over = np.concatenate(([0], np.cumsum(chosen[self.by_hi])))
        return train[begun[self.n_begun[train]] > over[self.n_over[train]]]

    def partner(self, row: int, test: IntArray) -> int:
        """The first test row that a train row meets."""
        meets = self.test_lo[test] <= self.train_hi[row]
        meets &= self.test_hi[test] >= self.train_lo[row]
        return int(test[np.argmax(meets)])


def mask_of(rows: IntArray, n_rows: int) -> NDArray[np.bool_]:
    """The rows as a mask over all rows."""
    mask = np.zeros(n_rows, dtype=bool)
    mask[rows] = True
    return mask
