"""What every row is in a fold: train, test, purged, embargoed, or not used at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repro.splits.plan import SplitPlan
from repro.splits.spans import Spans, close_left
from repro.splits.timeline import Timeline
from repro.splits.times import Duration, read_duration

KINDS = ("train", "test", "purged", "embargo", "unused")
TRAIN, TEST, PURGED, EMBARGO, UNUSED = range(len(KINDS))

KindArray = NDArray[np.uint8]


class FoldKinds:
    """The kinds of rows, derived from a plan alone: its folds, spans and parameters.

    A row on neither side is purged if its label (or its feature window) meets a test label, in
    the embargo if it starts within it after a block of test rows, and else unused. So are the
    rows that follow the test rows of a walk-forward split, whatever their labels.
    """

    def __init__(self, plan: SplitPlan) -> None:
        self.plan = plan
        spans = _closed_spans(plan)
        self.line = None if spans is None or spans.end is None else Timeline(spans)
        self.embargo = _embargo(plan)

    def of(self, number: int) -> KindArray:
        """The kind of each row, as an index of KINDS."""
        kinds = np.full(self.plan.n_rows, UNUSED, dtype=np.uint8)
        train, test = self.plan.fold(number)
        kinds[train], kinds[test] = TRAIN, TEST
        if self.line is not None:
            self._mark(kinds, self.line)
        return kinds

    def _mark(self, kinds: KindArray, line: Timeline) -> None:
        along = kinds if line.order is None else kinds[line.order]
        left, test = along == UNUSED, along == TEST
        if self.plan.policy == "walk_forward":  # what comes later would not train anyway
            left[np.searchsorted(line.start, line.start[np.argmax(test)]) :] = False
        if self.embargo is not None and not self.embargo.is_zero:
            kinds[line.rows(line.under_embargo(left, test, self.embargo))] = EMBARGO
        kinds[line.rows(line.labels_that_meet(left, test))] = PURGED
        if line.spans.opened is not None:
            kinds[line.rows(line.windows_that_look(left, test))] = PURGED


def _closed_spans(plan: SplitPlan) -> Spans | None:
    spans = plan.row_spans
    is_open = spans is not None and plan.parameters.get("closed") == "left"
    return close_left(spans) if is_open and spans is not None else spans


def _embargo(plan: SplitPlan) -> Duration | None:
    length = plan.parameters.get("embargo")
    if plan.row_spans is None or not isinstance(length, (int, str)):
        return None
    start = plan.row_spans.start
    return read_duration(length, "embargo", start.zone, tz=start.tz)
