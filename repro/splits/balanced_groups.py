"""Whole groups dealt out to test sets so that each gets about the same share of every class."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from repro.splits.labels import Labels
from repro.splits.parameters import Scalar
from repro.splits.times import FloatArray, IntArray


def balanced_folds(groups: Labels, classes: Labels, n_splits: int) -> NDArray[np.int32]:
    """The test set of each row; those of one group are in one.

    Groups and classes are taken in alphabetical order, so that the order of rows does not count.
    """
    group_rank, class_rank = _ranks(groups.names), _ranks(classes.names)
    n_groups, n_classes = len(group_rank), len(class_rank)
    cell = group_rank[groups.codes] * n_classes + class_rank[classes.codes]
    counts = np.bincount(cell, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
    return _deal(counts.astype(np.float64), n_splits)[group_rank][groups.codes]


def _ranks(names: tuple[Scalar, ...]) -> IntArray:
    """The place of each name in alphabetical order; numbers stand before texts."""
    keys = [(isinstance(name, str), name) for name in names]
    in_order = sorted(range(len(names)), key=keys.__getitem__)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[in_order] = np.arange(len(names))
    return ranks


def _deal(counts: FloatArray, n_splits: int) -> NDArray[np.int32]:
    """The test set of each group; `counts` (n_groups, n_classes) has its rows of each class."""
    table = _Table(counts.sum(axis=0), n_splits)
    fold = np.empty(len(counts), dtype=np.int32)
    n_rows = counts.sum(axis=1).tolist()
    for group in np.argsort(-np.std(counts, axis=1), kind="stable").tolist():
        fold[group] = table.place(counts[group], n_rows[group])
    return fold


class _Table:
    """Rows per class of each test set so far.

    A group is tried in all sets at once, with the ufuncs that np.std and np.mean are made of, one
    by one: the rounding is scikit-learn's, and ties are decided alike, at a tenth of the cost.
    """

    def __init__(self, n_per_class: FloatArray, n_splits: int) -> None:
        n_classes = len(n_per_class)
        self.n_per_class = n_per_class
        self.held = np.zeros((n_splits, n_classes))
        self.n_rows = [0.0] * n_splits
        self.tried = np.empty((n_splits, n_splits, n_classes))  # [i]: the sets with the group in i
        self.own = np.einsum("iic->ic", self.tried)  # a view of the sets that get the group
        self.mean = np.empty((n_splits, 1, n_classes))
        self.spread = np.empty((n_splits, n_classes))

    def place(self, counts: FloatArray, n_rows: float) -> int:
        """Put a group where it leaves the shares most even; of equals, into the smallest set."""
        best, least = -1, math.inf
        for number, uneven in enumerate(self._unevenness(counts)):
            is_close = abs(uneven - least) <= 1e-8 + 1e-5 * abs(least) < math.inf
            is_smaller = is_close and self.n_rows[number] < self.n_rows[best]
            if uneven < least or is_smaller:
                best, least = number, uneven
        self.held[best] += counts
        self.n_rows[best] += n_rows
        return best

    def _unevenness(self, counts: FloatArray) -> list[float]:
        """Per set, if it got the group: the spread of shares over sets, mean over classes."""
        n_splits, n_classes = self.held.shape
        self.tried[:] = self.held
        self.own += counts
        shares = np.divide(self.tried, self.n_per_class, out=self.tried)
        np.add.reduce(shares, axis=1, keepdims=True, out=self.mean)
        np.divide(self.mean, n_splits, out=self.mean)
        np.subtract(shares, self.mean, out=shares)
        np.multiply(shares, shares, out=shares)
        np.add.reduce(shares, axis=1, out=self.spread)
        np.divide(self.spread, n_splits, out=self.spread)
        np.sqrt(self.spread, out=self.spread)
        uneven: list[float] = (np.add.reduce(self.spread, axis=1) / n_classes).tolist()
        return uneven
