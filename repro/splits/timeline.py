"""Rows in the order of their starts: what one fold costs there is a few passes, no sorting."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from repro.splits.sides import Mask
from repro.splits.spans import Spans
from repro.splits.times import Axis, Duration, IntArray


class Timeline:
    """The spans of a data set, sorted once; masks of rows are brought into the same order."""

    def __init__(self, spans: Spans) -> None:
        start = spans.start.values
        is_sorted = bool((start[1:] >= start[:-1]).all())
        self.order: IntArray | None = None if is_sorted else np.argsort(start)
        self.spans = spans
        self.start = self._ordered(start)

    @cached_property
    def end(self) -> IntArray:
        """When the labels are known."""
        assert self.spans.end is not None
        return (
            self.start
            if self.spans.end is self.spans.start
            else self._ordered(self.spans.end.values)
        )

    @cached_property
    def opened(self) -> IntArray:
        """Where the feature windows open."""
        assert self.spans.opened is not None
        return self._ordered(self.spans.opened.values)

    @cached_property
    def axis(self) -> Axis:
        """The distinct times of all rows."""
        return Axis(self.start)

    def rows(self, places: IntArray) -> IntArray:
        """The rows, ascending, that stand at some places of the timeline."""
        return places if self.order is None else np.sort(self.order[places])

    def not_before(self, train: Mask, test: Mask) -> IntArray:
        """Where training rows start that do not start before the first test row."""
        first = self.start[np.argmax(test)]
        place = int(np.searchsorted(self.start, first, side="left"))
        return np.flatnonzero(train[place:]) + place

    def labels_that_meet(self, train: Mask, test: Mask) -> IntArray:
        """Where training rows stand whose label span [t0, t1] meets one of a test row."""
        tests = np.flatnonzero(test)
        first, last = self.start[tests[0]], self.end[tests].max()
        stop = int(np.searchsorted(self.start, last, side="right"))
        near = np.flatnonzero(train[:stop] & (self.end[:stop] >= first))
        if len(near) == 0:
            return near
        return near[self._reached(tests, self._begun_by_end[near]) >= self.start[near]]

    def windows_that_look(self, train: Mask, test: Mask) -> IntArray:
        """Where training rows stand whose window [f0, t0] meets a label (t0, t1] of a test row."""
        tests = np.flatnonzero(test)
        tests = tests[self.end[tests] > self.start[tests]]  # (t0, t1] of a point is empty
        if len(tests) == 0:
            return tests
        first, last = self.start[tests[0]], self.end[tests].max()
        begin = int(np.searchsorted(self.start, first, side="right"))
        near = np.flatnonzero(train[begin:] & (self.opened[begin:] <= last)) + begin
        if len(near) == 0:
            return near
        return near[self._reached(tests, self._begun_before_start[near]) >= self.opened[near]]

    def under_embargo(self, train: Mask, test: Mask, embargo: Duration) -> IntArray:
        """Where training rows start after the last label of a test block, within the embargo.

        A block is a run of neighbouring timestamps at which test rows start.
        """
        tests = np.flatnonzero(test)
        opens = np.flatnonzero(np.diff(self._tick[tests], prepend=-2) > 1)
        ends = np.maximum.reduceat(self.end[tests], opens)
        begin = np.searchsorted(self.start, ends, side="right")
        reach = self.axis.reach(ends, embargo)
        stop = np.maximum(np.searchsorted(self.start, reach, side="right"), begin)
        low, high = int(begin.min()), int(stop.max())
        edges = np.zeros(high - low + 1, dtype=np.int32)
        np.add.at(edges, begin - low, 1)
        np.add.at(edges, stop - low, -1)
        return np.flatnonzero((np.cumsum(edges[:-1]) > 0) & train[low:high]) + low

    def _reached(self, tests: IntArray, n_begun: IntArray) -> IntArray:
        """How far the labels reach of those test rows that stand at the first so many places.

        Of the test rows that begin no later than a training row ends, one meets it if and only
        if the one that ends last does.
        """
        latest = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(self.end[tests])))
        n_tests = np.zeros(len(self.start) + 1, dtype=np.int32)
        n_tests[tests + 1] = 1
        np.cumsum(n_tests, out=n_tests)
        return latest[n_tests[n_begun]]

    @cached_property
    def _begun_by_end(self) -> IntArray:
        """Per row, how many rows start no later than its label ends."""
        return np.searchsorted(self.start, self.end, side="right")

    @cached_property
    def _begun_before_start(self) -> IntArray:
        """Per row, how many rows start before it."""
        return np.searchsorted(self.start, self.start, side="left")

    @cached_property
    def _tick(self) -> NDArray[np.int32]:
        """The number of each row's timestamp among the distinct ones."""
        tick = np.zeros(len(self.start), dtype=np.int32)
        np.cumsum(self.start[1:] != self.start[:-1], out=tick[1:])
        return tick

    def _ordered(self, values: IntArray) -> IntArray:
        return values if self.order is None else values[self.order]
