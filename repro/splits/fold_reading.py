"""The folds of anything that splits, one at a time, read so that conditions can be checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.declared import Declared
from repro.splits.evidence import CheckedFold
from repro.splits.folds import RawFold, Splitter, can_repeat, folds_of
from repro.splits.plan import SplitPlan
from repro.splits.proof import NotChecked, Proved, Result, Violated, Witness
from repro.splits.rows import count_rows, read_values, row_labels
from repro.splits.sides import Side, read_side, rows_in_order
from repro.splits.times import IntArray


@dataclass(frozen=True, eq=False)
class Given:
    """What is handed to a splitter."""

    data: object
    y: object
    groups: object
    times: object
    end_times: object

    def folds(self, cv: object) -> Iterator[RawFold]:
        """The folds as they come."""
        groups = None
        if self.groups is not None and isinstance(cv, Splitter):
            groups = np.asarray(read_values(self.groups, self.data, "groups"))
        return folds_of(cv, self.data, self.y, groups, self.times, self.end_times)


def read_folds(declared: Declared, given: Given, *, keep_order: bool) -> Iterator[CheckedFold]:
    """Every fold; `keep_order` holds on to the order of the training rows for a second fit."""
    if declared.plan is not None:
        yield from _planned(declared.plan)
        return
    labels, n_rows = row_labels(given.data), count_rows(given.data)
    tested = _Tested(n_rows)
    for number, (fold, again) in enumerate(_twice(declared.source, given)):
        train, test = _sides(fold, n_rows, labels)
        is_readable = keep_order and not train.faults
        order = rows_in_order(fold[0], n_rows, labels, "train") if is_readable else None
        del fold
        repeated = (
            again
            if isinstance(again, (Proved, NotChecked))
            else _compared((train, test), _sides(again, n_rows, labels))
        )
        yield CheckedFold(number, train, test, *tested.enter(test.rows, number), repeated, order)


def _planned(plan: SplitPlan) -> Iterator[CheckedFold]:
    tested = _Tested(plan.n_rows)
    for number, runs in enumerate(plan.folds):
        train, test = (Side(side.mask(plan.n_rows), side.n_rows) for side in runs)
        again = tested.enter(test.rows, number)
        yield CheckedFold(number, train, test, *again, Proved(), train.rows)


def _twice(cv: object, given: Given) -> Iterator[tuple[RawFold, RawFold | Proved | NotChecked]]:
    """Every fold with what stands for it when the folds are asked for once more."""
    folds = given.folds(cv)
    if not isinstance(cv, Splitter):
        gone = NotChecked("a generator gives its folds once; pass a list or a splitter", False)
        result = Proved() if can_repeat(cv) else gone
        yield from ((fold, result) for fold in folds)
        return
    once_more = given.folds(cv)
    nothing: RawFold = ((), ())
    for fold in folds:
        yield fold, next(once_more, nothing)
    if next(once_more, None) is not None:
        raise SplitError(
            f"{type(cv).__name__} gave more folds when it was asked once more. Freeze its folds "
            f"with make_plan(), and check the plan."
        )


def _sides(fold: RawFold, n_rows: int, labels: pd.Index | None) -> tuple[Side, Side]:
    train, test = fold
    return read_side(train, n_rows, labels, "train"), read_side(test, n_rows, labels, "test")


def _compared(first: tuple[Side, Side], again: tuple[Side, Side]) -> Result:
    """Whether two answers of a splitter hold the same rows."""
    counts = [int((a.mask != b.mask).sum()) for a, b in zip(first, again, strict=True)]
    if not any(counts):
        return Proved()
    note = f"{counts[0]} train rows and {counts[1]} test rows differ when it splits again"
    return Violated(sum(counts), "rows", (Witness(note=note),))


class _Tested:
    """Which fold tested each row first, as the folds pass by."""

    def __init__(self, n_rows: int) -> None:
        self._first = np.full(n_rows, -1, dtype=np.int32)

    def enter(self, rows: IntArray, number: int) -> tuple[IntArray, IntArray]:
        """Enter the test rows of a fold; those an earlier fold tested, and that fold."""
        first = self._first[rows]
        is_again = first >= 0
        self._first[rows[~is_again]] = number
        return rows[is_again], first[is_again].astype(np.int64)
