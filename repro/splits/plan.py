"""A split plan: the folds of one data set, frozen, fingerprinted, storable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from repro.digest import Block, RowHashes, canonical_json, multiset_digest, row_hashes
from repro.errors import SplitError
from repro.splits.folds import (
    FoldSource,
    Policy,
    RawFold,
    Splitter,
    folds_of,
    policy_of,
    refuse_no_split,
    spans_of,
)
from repro.splits.key_columns import key_columns
from repro.splits.labels import Labels, read_labels
from repro.splits.parameters import Scalar, plain_parameters
from repro.splits.rows import count_rows, read_target, row_labels
from repro.splits.runs import Runs, to_runs
from repro.splits.sides import rows_in_order
from repro.splits.spans import Spans
from repro.splits.times import IntArray, Times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from repro.splits.planned_split import PlannedSplit

FORMAT = "split/1"
FORMAT_BY_ROW = "split-rows/1"
TimeArray = NDArray[np.int64] | NDArray[np.datetime64]


class FoldRuns(NamedTuple):
    """The rows of one fold."""

    train: Runs
    test: Runs


@dataclass(frozen=True, eq=False, repr=False)
class SplitPlan:
    """The folds of a data set of `n_rows` rows, and what they were made from.

    `for train, test in plan` goes through the folds, and scikit-learn takes it as `cv=plan`. Two
    plans are equal when their fingerprints are.
    """

    n_rows: int
    splitter: str
    parameters: Mapping[str, Scalar]
    policy: Policy
    folds: tuple[FoldRuns, ...]
    row_spans: Spans | None = None
    group_labels: Labels | None = None
    row_labels: Labels | None = None
    key_columns: tuple[str, ...] = ()  # repr of the columns that say when or which; no features

    @property
    def n_splits(self) -> int:
        """The number of folds."""
        return len(self.folds)

    @property
    def times(self) -> TimeArray | None:
        """When each row happened: UTC, or the numbers that were given."""
        return None if self.row_spans is None else _native(self.row_spans.start)

    @property
    def end_times(self) -> TimeArray | None:
        """When the label of each row was known: UTC, or the numbers that were given."""
        return (
            None
            if self.row_spans is None or self.row_spans.end is None
            else _native(self.row_spans.end)
        )

    @property
    def groups(self) -> NDArray[np.object_] | None:
        """The group of each row."""
        return None if self.group_labels is None else self.group_labels.values()

    def fold(self, i: int) -> tuple[IntArray, IntArray]:
        """Row positions (train, test) of fold i, ascending."""
        runs = self._runs(i)
        return runs.train.positions(), runs.test.positions()

    def __len__(self) -> int:
        return self.n_splits

    def __iter__(self) -> Iterator[tuple[IntArray, IntArray]]:
        return (self.fold(i) for i in range(self.n_splits))

    def split(
        self, X: object = None, y: object = None, groups: object = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Row positions (train, test) of each fold, one fold in memory at a time.

        With this and `get_n_splits` a plan serves as the `cv=` of scikit-learn. If X is given, it
        must have as many rows as the plan; y and groups do not matter.
        """
        if X is not None and count_rows(X) != self.n_rows:
            raise SplitError(
                f"the plan was made for {self.n_rows} rows, X has {count_rows(X)}. "
                f"Pass the same rows in the same order, or make a new plan."
            )
        return iter(self)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """The number of folds; the data do not matter."""
        return self.n_splits

    def as_cv(self) -> PlannedSplit:
        """The plan as a scikit-learn splitter, with what an estimator has: clone, routing, repr."""
        from repro.splits.planned_split import PlannedSplit

        return PlannedSplit(self)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the folds over time: train, test, purged, embargo and unused in their own colours.

        Where rows are too many to be told apart, a piece of time is divided among its kinds by
        number of rows, but a kind of which there is one row is never too small to be seen.

        Parameters
        ----------
        ax : where to draw; a new figure by default, without pyplot and its global state

        Raises
        ------
        SplitError
            matplotlib is not installed.
        """
        from repro.splits.plot import draw

        return draw(self, ax)

    @cached_property
    def fingerprint(self) -> str:
        """`split/1:` and the sha256 of policy, parameters, times, groups and all folds."""
        digest = hashlib.sha256(canonical_json(self.header()).encode())
        for runs in self.folds:
            digest.update(runs.train.bitmap(self.n_rows))
            digest.update(runs.test.bitmap(self.n_rows))
        return f"{FORMAT}:{digest.hexdigest()}"

    def fold_digests(self, i: int) -> tuple[str, str]:
        """Digests of the row positions (train, test) of fold i."""
        runs = self._runs(i)
        return _position_digest(runs.train, self.n_rows), _position_digest(runs.test, self.n_rows)

    def row_fingerprint(self, i: int) -> tuple[str, str]:
        """Digests of the row identities (train, test) of fold i, whatever the order of rows."""
        train, test = self.fold(i)
        return multiset_digest(self._row_hashes[train]), multiset_digest(self._row_hashes[test])

    @cached_property
    def row_digest(self) -> str:
        """`split-rows/1:` and the sha256 of policy, parameters and the rows of all folds.

        Rows go by their identity (`row_id=`), not by their position: a file with the same rows
        in another order has the same digest, a file with another row has not.
        """
        content = {
            "splitter": self.splitter,
            "parameters": dict(self.parameters),
            "policy": self.policy,
            "folds": [self.row_fingerprint(i) for i in range(self.n_splits)],
        }
        return f"{FORMAT_BY_ROW}:{hashlib.sha256(canonical_json(content).encode()).hexdigest()}"

    def save(self, path: str | Path) -> None:
        """Write the plan to one file."""
        from repro.splits.plan_file import write_plan

        write_plan(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> SplitPlan:
        """Read a plan back; RecordCorrupt if its content is not what its fingerprint says."""
        from repro.splits.plan_file import read_plan

        return read_plan(Path(path))

    def header(self) -> dict[str, object]:
        """What the fingerprint covers beside the folds."""
        spans = self.row_spans
        end = None if spans is None else spans.end
        opened = None if spans is None else spans.opened
        return {
            "format": FORMAT,
            "n_rows": self.n_rows,
            "n_splits": self.n_splits,
            "splitter": self.splitter,
            "parameters": dict(self.parameters),
            "policy": self.policy,
            "times": None if spans is None else _time_digest(spans.start),
            "end_times": None if end is None else _time_digest(end),
            "feature_starts": None if opened is None else _time_digest(opened),
            "groups": None if self.group_labels is None else self.group_labels.digest(),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SplitPlan) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return (
            f"<SplitPlan {self.splitter}, {self.policy}, {self.n_splits} folds of "
            f"{self.n_rows} rows, {self.fingerprint[:16]}>"
        )

    @cached_property
    def _row_hashes(self) -> RowHashes:
        """Of the identity of each row; shape (n_rows, 2)."""
        if self.row_labels is None:
            raise SplitError(
                "the plan does not know the identity of its rows. Pass row_id= to make_plan()."
            )
        names = np.array(self.row_labels.names, dtype=object)
        hashes: RowHashes = row_hashes((Block(("row_id",), names.reshape(-1, 1)),))
        return hashes[self.row_labels.codes]

    def _runs(self, i: int) -> FoldRuns:
        if not 0 <= i < self.n_splits:
            raise SplitError(
                f"fold {i} was asked for; the plan has folds 0 to {self.n_splits - 1}."
            )
        return self.folds[i]


def make_plan(
    cv: FoldSource,
    X: object,
    y: object = None,
    *,
    groups: object = None,
    times: object = None,
    end_times: object = None,
    row_id: object = None,
) -> SplitPlan:
    """Split once and keep the folds.

    Parameters
    ----------
    cv : any scikit-learn splitter, or a list of pairs (training rows, test rows): row numbers,
        masks, several lists of row numbers, or tables cut from X
    X : the data; only its rows, labels and named columns are looked at, besides what `cv` does
    y : in the order of X; a Series or DataFrame beside an X with labels is aligned by label, and
        the splitter is handed the aligned values
    groups, times, end_times, row_id : one value per row: a column of X, a Series (aligned by
        label), or an array in the order of X; end_times may be "point"

    Raises
    ------
    SplitError
        The splitter refuses the data, or a fold is no pair of sets of rows of X.

    >>> plan = make_plan([([0, 1, 2], [3])], X=[[1], [2], [3], [4]])
    >>> plan.fold(0)
    (array([0, 1, 2]), array([3]))
    """
    made = getattr(cv, "plan", None)
    if isinstance(cv, SplitPlan) or isinstance(made, SplitPlan):
        raise SplitError("this is a plan already. Use it, or pass the splitter it was made from.")
    if callable(made) and not isinstance(cv, (type, Splitter)):
        raise SplitError(f"a {type(cv).__name__} makes its own plan. Call its plan().")
    refuse_no_split(cv)
    n_rows = count_rows(X)
    splitter, parameters = type(cv).__name__, plain_parameters(cv)
    group_labels = None if groups is None else read_labels(groups, X, "groups")
    group_values = None if group_labels is None else group_labels.values()
    spans = spans_of(cv, X, times, end_times)
    folds = folds_of(cv, X, read_target(y, X), group_values, times, end_times)
    runs = tuple(_fold_runs(fold, number, X) for number, fold in enumerate(folds))
    if not runs:
        raise SplitError(f"{splitter} gave no fold. Pass at least one pair (train, test).")
    told = (getattr(cv, name, None) for name in ("time", "feature_start"))
    ends = (end_times, getattr(cv, "end_time", None))
    return SplitPlan(
        n_rows=n_rows,
        splitter=splitter,
        parameters=parameters,
        policy=policy_of(cv, spans),
        folds=runs,
        row_spans=spans,
        group_labels=group_labels,
        row_labels=None if row_id is None else read_labels(row_id, X, "row_id"),
        key_columns=tuple(map(repr, key_columns(X, (times, row_id, *told), ends))),
    )


def _fold_runs(fold: RawFold, number: int, data: object) -> FoldRuns:
    n_rows, labels = count_rows(data), row_labels(data)
    sides = (
        (entries, f"{side} of fold {number}")
        for side, entries in zip(("train", "test"), fold, strict=True)
    )
    runs = (
        to_runs(rows_in_order(entries, n_rows, labels, name), n_rows, name)
        for entries, name in sides
    )
    return FoldRuns(*runs)


def _native(times: Times) -> TimeArray:
    return times.values if times.zone == "number" else times.values.view("datetime64[ns]")


def _time_digest(times: Times) -> str:
    kind = b"number" if times.zone == "number" else b"utc"
    digest = hashlib.sha256(kind)
    digest.update(np.ascontiguousarray(times.values, dtype="<i8").data)
    return f"sha256:{digest.hexdigest()}"


def _position_digest(runs: Runs, n_rows: int) -> str:
    content = n_rows.to_bytes(8, "little") + runs.bitmap(n_rows)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
