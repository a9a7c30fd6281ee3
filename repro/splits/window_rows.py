"""Which rows a window trains on and tests on, as places on the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from repro.splits.sides import Mask
from repro.splits.timeline import Timeline
from repro.splits.times import IntArray
from repro.splits.windows import Window

GroupsPolicy = Literal["ignore", "disjoint", "unseen"]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Neighbouring places [first, stop) of the timeline, or some of them."""

    first: int
    stop: int
    kept: Mask | None = None

    @property
    def n_rows(self) -> int:
        """How many rows it holds."""
        return self.stop - self.first if self.kept is None else int(np.count_nonzero(self.kept))

    def places(self) -> IntArray:
        """Its places, ascending."""
        if self.kept is None:
            return np.arange(self.first, self.stop)
        places: IntArray = np.flatnonzero(self.kept)
        places += self.first
        return places

    def where(self, mask: Mask) -> Stretch:
        """Those of its places for which `mask`, one value per place, holds."""
        kept = mask if self.kept is None else self.kept & mask
        return Stretch(self.first, self.stop, kept)


class WindowRows:
    """The rows of one data set, asked for by window."""

    def __init__(self, timeline: Timeline, codes: IntArray | None, policy: GroupsPolicy) -> None:
        self.timeline = timeline
        self.policy = policy
        self._codes = codes if codes is None or timeline.order is None else codes[timeline.order]
        self._n_groups = 0 if codes is None else int(codes.max()) + 1
        end = timeline.end
        self._ends_in_order = bool((end[1:] >= end[:-1]).all())

    def past(self, window: Window) -> Stretch:
        """Rows since `since` whose labels are known before `cutoff`."""
        start, end = self.timeline.start, self.timeline.end
        first = int(np.searchsorted(start, window.since))
        if self._ends_in_order:
            return Stretch(first, max(first, int(np.searchsorted(end, window.cutoff))))
        stop = max(first, int(np.searchsorted(start, window.cutoff)))
        return Stretch(first, stop, end[first:stop] < window.cutoff)

    def sides(self, window: Window) -> tuple[Stretch, Stretch]:
        """Training and test rows, as far apart in groups as the policy wants."""
        train = self.past(window)
        first, stop = np.searchsorted(self.timeline.start, (window.start, window.stop))
        test = Stretch(int(first), int(stop))
        if self._codes is not None and self.policy == "disjoint":
            train = train.where(~self._in_groups_of(test, train))
        if self._codes is not None and self.policy == "unseen":
            test = test.where(~self._in_groups_of(train, test))
        return train, test

    def rows(self, side: Stretch) -> IntArray:
        """The row positions of a side, ascending."""
        order = self.timeline.order
        if order is None:
            return side.places()
        rows = order[side.first : side.stop]
        if side.kept is not None:
            rows = rows[side.kept]
        if len(rows) < len(order) // 50:
            return np.sort(rows)
        # A pass over a byte per row: 5 ms per 1e6 rows, where sorting them takes 60.
        chosen = np.zeros(len(order), dtype=bool)
        chosen[rows] = True
        return np.flatnonzero(chosen)

    def _in_groups_of(self, side: Stretch, asked: Stretch) -> Mask:
        assert self._codes is not None
        codes = self._codes[side.first : side.stop]
        present = np.zeros(self._n_groups, dtype=bool)
        present[codes if side.kept is None else codes[side.kept]] = True
        return present[self._codes[asked.first : asked.stop]]
