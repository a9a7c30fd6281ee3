"""Sets of row positions as run-length intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from repro.errors import SplitError
from repro.splits.times import IntArray

FEW_RUNS = 1_000  # up to here a step per run is faster than a pass over all rows


class Runs(NamedTuple):
    """Ascending, disjoint, maximal intervals [start, stop) of row positions."""

    starts: IntArray
    stops: IntArray

    @property
    def n_rows(self) -> int:
        """How many rows the runs hold."""
        return int((self.stops - self.starts).sum())

    def positions(self) -> IntArray:
        """All positions, ascending."""
        if len(self.starts) > FEW_RUNS:
            lengths = self.stops - self.starts
            offsets = np.repeat(self.starts - np.cumsum(lengths) + lengths, lengths)
            offsets += np.arange(len(offsets), dtype=np.int64)
            return offsets
        pieces = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        parts = [np.arange(start, stop, dtype=np.int64) for start, stop in pieces]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def mask(self, n_rows: int) -> NDArray[np.bool_]:
        """Per row of the data set, whether it is among them."""
        if len(self.starts) > FEW_RUNS:
            edges = np.zeros(n_rows + 1, dtype=np.int8)
            edges[self.starts] = 1
            edges[self.stops] = -1  # runs are maximal, so no start meets a stop
            return np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_)
        mask = np.zeros(n_rows, dtype=bool)
        for start, stop in zip(self.starts.tolist(), self.stops.tolist(), strict=True):
            mask[start:stop] = True
        return mask

    def bitmap(self, n_rows: int) -> bytes:
        """One bit per row of the data set, first row in the highest bit of the first byte."""
        return np.packbits(self.mask(n_rows)).tobytes()


def to_runs(positions: object, n_rows: int, name: str) -> Runs:
    """Positions in any order as runs; refuses what is not a set of rows."""
    array = np.asarray(positions)
    if array.size == 0:
        raise SplitError(f"{name} is empty; every fold needs training rows and test rows.")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise SplitError(
            f"{name} must be a list of row numbers; it is {array.dtype} of shape {array.shape}."
        )
    ordered: NDArray[np.int64] = array.astype(np.int64, copy=False)
    steps = np.diff(ordered)
    if len(steps) and int(steps.min()) < 0:
        # Only then: sorting what is sorted takes 50 ms per 1e6 rows, looking at it 1.
        ordered = np.sort(ordered)
        steps = np.diff(ordered)
    if ordered[0] < 0 or ordered[-1] >= n_rows:
        offender = ordered[0] if ordered[0] < 0 else ordered[-1]
        raise SplitError(f"{name} has row {offender}; X has rows 0 to {n_rows - 1}.")
    if not steps.all():
        twice = ordered[1:][steps == 0][0]
        raise SplitError(f"{name} has row {twice} more than once; a plan holds each row once.")
    breaks = np.flatnonzero(steps > 1)
    starts = ordered[np.concatenate(([0], breaks + 1))]
    stops = ordered[np.concatenate((breaks, [len(ordered) - 1]))] + 1
    return Runs(starts, stops)
