"""Both levels of a nested cross-validation, planned, frozen and proved together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from repro.digest import canonical_json
from repro.errors import SplitError
from repro.splits.check import check_split
from repro.splits.folds import FoldSource
from repro.splits.plan import SplitPlan, make_plan
from repro.splits.proof import SplitProof, Verdict
from repro.splits.rows import read_target, read_values
from repro.splits.times import IntArray

if TYPE_CHECKING:
    from repro.splits.planned_split import PlannedSplit

FORMAT = "nested/1"


@dataclass(frozen=True, eq=False)
class InnerPlan:
    """The folds inside one outer training set.

    `rows` are the positions of the outer training set in the whole data; `plan` knows these rows
    only and counts them from 0.
    """

    rows: IntArray
    plan: SplitPlan

    def __len__(self) -> int:
        return self.plan.n_splits

    def __iter__(self) -> Iterator[tuple[IntArray, IntArray]]:
        """Positions (train, test) of each inner fold in the whole data."""
        return ((self.rows[train], self.rows[test]) for train, test in self.plan.split())

    def as_cv(self) -> PlannedSplit:
        """The inner folds as `cv=` of a search that is fitted on the outer training set."""
        return self.plan.as_cv()


class NestedFold(NamedTuple):
    """One outer fold, in positions of the whole data, and the folds inside its training set."""

    train: IntArray
    test: IntArray
    inner: InnerPlan


@dataclass(frozen=True, eq=False)
class NestedProof:
    """The proof of the outer folds, and one of the inner folds per outer fold."""

    outer: SplitProof
    inner: tuple[SplitProof, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all verdicts."""
        found = {proof.verdict for proof in (self.outer, *self.inner)}
        return "violated" if "violated" in found else "unknown" if "unknown" in found else "proved"

    def raise_if_violated(self) -> None:
        """Raise LeakFound, with witnesses, if any condition is violated at any level."""
        for proof in (self.outer, *self.inner):
            proof.raise_if_violated()

    def __str__(self) -> str:
        inner = (f"inside outer fold {i}: {proof}" for i, proof in enumerate(self.inner))
        return "\n".join([f"outer: {self.outer}", *inner])


@dataclass(frozen=True, eq=False)
class NestedPlan:
    """Outer folds, and inner folds for each of them; equal when the fingerprints are."""

    outer: SplitPlan
    inner: tuple[InnerPlan, ...]

    def __len__(self) -> int:
        return self.outer.n_splits

    def __iter__(self) -> Iterator[NestedFold]:
        pairs = zip(self.outer.split(), self.inner, strict=True)
        return (NestedFold(train, test, inner) for (train, test), inner in pairs)

    @cached_property
    def fingerprint(self) -> str:
        """`nested/1:` and the sha256 of the fingerprints of all plans."""
        plans = (self.outer, *(inner.plan for inner in self.inner))
        content = canonical_json([plan.fingerprint for plan in plans])
        return f"{FORMAT}:{hashlib.sha256(content.encode()).hexdigest()}"

    def check(self, X: object = None, y: object = None) -> NestedProof:
        """Prove both levels; with X and y also what only the content of the rows can tell.

        Each outer pair is proved once. Inner folds are subsets of an outer training set, and what
        holds for all pairs of a fold holds for those of a subset: so for rows of an inner fold
        and the outer test rows nothing is left to prove, and only the inner pairs are new.
        """
        y = read_target(y, X)
        return NestedProof(
            check_split(self.outer, X, y),
            tuple(
                check_split(inner.plan, _rows_of(X, inner.rows), _rows_of(y, inner.rows))
                for inner in self.inner
            ),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NestedPlan) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        n_inner = ", ".join(str(len(inner)) for inner in self.inner)
        return f"<NestedPlan {self.outer!r}, inner folds {n_inner}, {self.fingerprint[:17]}>"


def nested_splits(
    outer: FoldSource,
    inner: FoldSource,
    X: object,
    y: object = None,
    *,
    groups: object = None,
    times: object = None,
    end_times: object = None,
    row_id: object = None,
) -> NestedPlan:
    """Split, split every training set again, and keep all folds.

    Parameters
    ----------
    outer, inner : any splitters; `inner` sees the rows of one outer training set at a time
    X, y, groups, times, end_times, row_id : as for `make_plan`, for all rows

    Raises
    ------
    SplitError
        A splitter refuses the data, or an outer training set is too small to be split again.

    >>> from sklearn.model_selection import KFold, TimeSeriesSplit
    >>> nested = nested_splits(TimeSeriesSplit(2), KFold(2), X=[[0], [1], [2], [3], [4], [5]])
    >>> train, test, inner = next(iter(nested))
    >>> [rows.tolist() for rows in (train, test)]
    [[0, 1], [2, 3]]
    >>> [rows.tolist() for rows in next(iter(inner))]
    [[1], [0]]
    """
    given = {"groups": groups, "times": times, "end_times": end_times, "row_id": row_id}
    per_row = {name: _per_row(values, X, name) for name, values in given.items()}
    y = read_target(y, X)
    plan = make_plan(outer, X, y, **per_row)
    levels = []
    for number, (train, _) in enumerate(plan.split()):
        subset = {name: _rows_of(values, train) for name, values in per_row.items()}
        try:
            level = make_plan(inner, _rows_of(X, train), _rows_of(y, train), **subset)
        except ValueError as refusal:  # of scikit-learn's splitters, and SplitError
            raise SplitError(
                f"the {len(train)} training rows of outer fold {number} cannot be split again: "
                f"{refusal}"
            ) from refusal
        levels.append(InnerPlan(train, level))
    return NestedPlan(plan, tuple(levels))


def _per_row(source: object, data: object, name: str) -> object:
    """Names stay names; labelled values are put in the order of X before rows are taken."""
    return source if source is None or isinstance(source, str) else read_values(source, data, name)


def _rows_of(values: Any, rows: IntArray) -> object:
    if values is None or isinstance(values, str):
        return values
    if hasattr(values, "tocsr"):  # a sparse matrix of scipy, of which not every kind has rows
        return values.tocsr()[rows]
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if isinstance(values, Sequence):
        return [values[row] for row in rows]
    return values[rows] if hasattr(values, "__getitem__") else np.asarray(values)[rows]
