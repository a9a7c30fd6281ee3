"""What the conditions of a split are checked against: the rows, their times, their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.classes import Required
from repro.splits.copies import Copies
from repro.splits.folds import Policy
from repro.splits.labels import Labels
from repro.splits.parameters import Scalar
from repro.splits.proof import Result, RowView
from repro.splits.sides import Side
from repro.splits.spans import Spans
from repro.splits.timeline import Timeline
from repro.splits.times import Duration, IntArray

Duplicates = Literal["forbid", "features", "report"]


@dataclass(frozen=True, eq=False)
class CheckedFold:
    """One fold, and what had to be compared with other folds while they passed by."""

    number: int
    train: Side
    test: Side
    tested_again: IntArray  # test rows, ascending, that an earlier fold tested, too
    tested_in: IntArray  # the first fold that tested each of them
    repeated: Result  # whether splitting again gave the same
    train_order: NDArray[np.generic] | None = None  # training rows as they were handed over


@dataclass(frozen=True, eq=False)
class Fits:
    """One fitted estimator per fold, and what each was fitted on."""

    estimators: Sequence[Any]
    data: object
    y: object

    def of_fold(self, number: int) -> Any:
        """The estimator of one fold."""
        if number >= len(self.estimators):
            raise SplitError(
                f"there are {len(self.estimators)} estimators, and more folds. "
                f"Pass one fitted estimator per fold, in the order of the folds."
            )
        return self.estimators[number]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known about the rows of a data set; times are closed spans."""

    n_rows: int
    policy: Policy
    n_witnesses: int
    duplicates: Duplicates
    copies: Copies | str  # or why rows cannot be compared by content
    classes: Labels | str  # or why y has none
    required: tuple[Required, ...]
    min_train: int
    min_test: int
    overlap_declared: bool
    spans: Spans | None = None
    embargo: Duration | None = None
    groups: Labels | None = None
    groups_policy: str | None = None  # what the splitter was told, if it knows groups
    row_labels: Labels | pd.Index | None = None
    fits: Fits | None = None

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
    def timeline(self) -> Timeline:
        """The rows in the order of their starts."""
        assert self.spans is not None
        return Timeline(self.spans)

    def _label(self, row: int) -> Scalar:
        if isinstance(self.row_labels, Labels):
            return self.row_labels.name(row)
        if self.row_labels is None:
            return None
        label = self.row_labels[row]
        # A number that says no more than the position; NA compares with nothing.
        return None if pd.api.types.is_number(label) and label == row else str(label)
