"""One split over time into three: rows to train on, to choose by, and to judge by at last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from repro.errors import SplitError
from repro.splits.key_columns import key_columns
from repro.splits.labels import Labels, read_labels
from repro.splits.parameters import Scalar, one_of, plain_value
from repro.splits.plan import FoldRuns, SplitPlan
from repro.splits.rows import count_rows
from repro.splits.runs import to_runs
from repro.splits.spans import Spans, read_given_spans
from repro.splits.timeline import Timeline
from repro.splits.times import Duration, IntArray, LengthSource, Times
from repro.splits.window_rows import GroupsPolicy
from repro.splits.windows import Lengths, read_window_length, windows_to_end


@dataclass(frozen=True, eq=False)
class TemporalHoldout:
    """Row positions, each ascending: `train` is known before `valid` begins, both before `test`."""

    train: IntArray
    valid: IntArray
    test: IntArray
    n_rows: int
    parameters: Mapping[str, Scalar]
    row_spans: Spans = field(repr=False)
    group_labels: Labels | None = field(repr=False, default=None)
    key_columns: tuple[str, ...] = field(repr=False, default=())  # as of a SplitPlan

    def pairs(self) -> list[tuple[IntArray, IntArray]]:
        """Two folds: (train, valid) to choose by, then (train and valid, test) to judge by."""
        return [(self.train, self.valid), (np.union1d(self.train, self.valid), self.test)]

    def plan(self) -> SplitPlan:
        """The two folds of `pairs`, frozen, for `check_split`, a file, or a record."""
        folds = tuple(
            FoldRuns(to_runs(train, self.n_rows, "train"), to_runs(test, self.n_rows, "test"))
            for train, test in self.pairs()
        )
        return SplitPlan(
            n_rows=self.n_rows,
            splitter="temporal_holdout",
            parameters=self.parameters,
            policy="walk_forward",
            folds=folds,
            row_spans=self.row_spans,
            group_labels=self.group_labels,
            key_columns=self.key_columns,
        )


def temporal_holdout(
    data: object,
    *,
    time: object,
    valid: LengthSource = "30D",
    test: LengthSource = "60D",
    end_time: object,
    gap: LengthSource | None = None,
    groups: object = None,
    groups_policy: GroupsPolicy = "disjoint",
) -> TemporalHoldout:
    """Keep the last rows for the test, the rows before them for validation, and train on the rest.

    The last test row ends the test window. A row belongs to `train` if its label is known before
    the validation window less the gap, and to `valid` if it is known before the test window less
    the gap; rows whose labels reach further belong to none.

    Parameters
    ----------
    data : table or array of n rows
    time : when the rows happened: a column or index level, a Series (aligned by label), or an
        array in the order of the rows
    valid, test : lengths of the windows: "30D", "1ME", a timedelta or offset, or an int (so
        many distinct timestamps)
    end_time : when the label is known: "point" (at `time`), a column, a Series, an array in the
        order of the rows, or a length of time after `time`
    gap : kept free of labels before each of both windows
    groups : one value per row: a column, a Series, or an array
    groups_policy : with groups, "disjoint" takes the groups of a later part out of the earlier
        ones, "unseen" those of the earlier parts out of a later one; "ignore" leaves them

    Returns
    -------
    TemporalHoldout
        `.train`, `.valid`, `.test` are row positions; `.pairs()` and `.plan()` make two folds.

    Raises
    ------
    SplitError
        A parameter or a time is not usable, or a part would be empty.

    >>> import pandas as pd
    >>> days = pd.DataFrame({"day": pd.date_range("2024-01-01", "2024-04-30", tz="UTC")})
    >>> parts = temporal_holdout(days, time="day", valid="1ME", test="1ME", end_time="2D")
    >>> len(parts.train), len(parts.valid), len(parts.test)
    (58, 29, 30)
    """
    one_of(groups_policy, "groups_policy", get_args(GroupsPolicy))
    spans = read_given_spans(data, time, end_time)
    labels = None if groups is None else read_labels(groups, data, "groups")
    given = {"valid": valid, "test": test, "gap": gap}
    lengths = {name: read_window_length(given[name], name, spans.start) for name in given}
    parts = _parts(spans, **lengths)
    if labels is not None:
        parts = _apart(parts, labels.codes, groups_policy)
    _check_sizes(parts, spans.start, None if labels is None else groups_policy)
    policy = "ignore" if labels is None else groups_policy
    told = {**given, "end_time": end_time, "groups_policy": policy}
    parameters = {name: plain_value(value) for name, value in sorted(told.items())}
    keys = tuple(map(repr, key_columns(data, (time,), (end_time,))))
    return TemporalHoldout(*parts, count_rows(data), parameters, spans, labels, keys)


def _parts(
    spans: Spans, *, valid: Duration, test: Duration, gap: Duration
) -> tuple[IntArray, IntArray, IntArray]:
    assert spans.end is not None
    axis = Timeline(spans).axis
    lengths = Lengths(test=test, step=test, gap=gap, train=valid)
    windows = windows_to_end(axis, lengths, 1)
    if not windows:
        raise SplitError(
            f"the test window holds all rows; the times {_reach(spans.start)}. "
            f"Shorten test=, or bring more rows."
        )
    [window] = windows
    # What the window trains on since `since` are here the rows for validation.
    train_cutoff = axis.back(window.start, gap, valid, gap)
    start, end = spans.start.values, spans.end.values
    in_valid = (start >= window.since) & (end < window.cutoff)
    return (
        np.flatnonzero(end < train_cutoff),
        np.flatnonzero(in_valid),
        np.flatnonzero(start >= window.start),
    )


def _apart(
    parts: tuple[IntArray, IntArray, IntArray], codes: IntArray, policy: GroupsPolicy
) -> tuple[IntArray, IntArray, IntArray]:
    """The parts without the groups that the policy wants on one side only."""
    train, valid, test = parts
    if policy == "disjoint":
        valid = _without(valid, codes, test)
        train = _without(train, codes, valid, test)
    elif policy == "unseen":
        valid = _without(valid, codes, train)
        test = _without(test, codes, train, valid)
    return train, valid, test


def _without(rows: IntArray, codes: IntArray, *others: IntArray) -> IntArray:
    """The rows whose group is in none of the other parts."""
    present = np.zeros(int(codes.max()) + 1, dtype=bool)
    for other in others:
        present[codes[other]] = True
    return rows[~present[codes[rows]]]


def _check_sizes(
    parts: tuple[IntArray, IntArray, IntArray], start: Times, policy: GroupsPolicy | None
) -> None:
    for name, rows in zip(("train", "valid", "test"), parts, strict=True):
        if len(rows) == 0:
            groups = f" or the groups (groups_policy={policy!r})" if policy else ""
            raise SplitError(
                f"{name} is left without rows; the times {_reach(start)}. "
                f"Shorten valid=, test=, gap= or the labels{groups}, or bring more rows."
            )


def _reach(start: Times) -> str:
    first, last = (start.show(int(at(start.values))) for at in (np.argmin, np.argmax))
    return f"reach from {first} to {last}"
