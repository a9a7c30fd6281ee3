"""`check_preprocessing`: do the features of training rows depend on rows they must not see?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from repro.errors import LeakFound, SplitError
from repro.splits.feature_table import Columns, first_difference, train_columns
from repro.splits.folds import FoldSource, RawFold, folds_of
from repro.splits.parameters import one_of
from repro.splits.plan import SplitPlan
from repro.splits.proof import (
    NotChecked,
    Proved,
    Result,
    RowView,
    Verdict,
    Violated,
    Witness,
    counted,
    worst,
)
from repro.splits.rows import count_rows, row_labels
from repro.splits.scramble import N_SCRAMBLES, scrambled
from repro.splits.sides import read_side, rows_in_order
from repro.splits.times import IntArray

Mode = Literal["noninterference", "prefix"]
Raw = pd.DataFrame | pd.Series | np.ndarray[Any, Any]
Preprocessing = Callable[..., object]


@dataclass(frozen=True)
class PreprocessingProof:
    """Per fold: proved, violated with the first row that changed, or not checked and why."""

    mode: Mode
    n_rows: int
    table: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """`proved` only if every fold was checked and no training row changed in any."""
        return worst(self.table)

    def raise_if_violated(self) -> None:
        """Raise LeakFound, with the first row that changed, if the verdict is `violated`."""
        if self.verdict == "violated":
            raise LeakFound(str(self))

    def __str__(self) -> str:
        folds = counted(len(self.table), "fold")
        head = f"preprocessing {self.verdict.upper()}: {folds} of {self.n_rows} rows, {self.mode}"
        lines = [
            f"  fold {number}: {_said(result)}"
            for number, result in enumerate(self.table)
            if not isinstance(result, Proved)
        ]
        fix = "  fix: fit on train rows only, inside the fold, and let features look back only"
        return "\n".join([head, *lines, *([fix] if self.verdict == "violated" else [])])


def check_preprocessing(
    fn: Preprocessing,
    raw: Raw,
    splits: FoldSource | SplitPlan,
    *,
    mode: Mode = "noninterference",
) -> PreprocessingProof:
    """Change what training rows must not see; their features must stay equal to the bit.

    Parameters
    ----------
    fn : `fn(raw)`, or `fn(raw, train, test)` with row positions, for a step that is fitted in the
        fold. Returns a table with one row per row of raw, in its order, or a pair (features of
        the train rows, features of the test rows); DataFrame, Series, array or sparse matrix.
    raw : a DataFrame, a Series or an array, one row per example. Columns of times and the index
        are never changed: when a row happened is no secret.
    splits : a plan, pairs (train, test), or a splitter that needs no more than raw
    mode : "noninterference": the test rows are scrambled, twice (permuted and moved out of their
        range, words made new; then set to extremes).
        "prefix": all rows below the last train row above the test rows are cut off; for rows in
        order of time. Train rows above must not change. A row that looks ahead at other train
        rows is not found, nor is a test row that looks ahead. In a pair-wise `fn` the last train
        row stands in for the test rows, which are gone.

    Returns
    -------
    PreprocessingProof
        Its verdict is "unknown", never "proved", where `fn` gives two results for one input,
        refuses the changed rows, a column cannot be changed, or no train row lies above the
        first test row.

    Raises
    ------
    SplitError
        `raw` or what `fn` returns is no table of rows, there is no fold, or a fold has a side
        that is empty or holds no rows of `raw`.

    >>> raw = np.array([1.0, 2.0, 3.0, 10.0])
    >>> print(check_preprocessing(lambda raw: raw - raw.mean(), raw, [([0, 1, 2], [3])]).verdict)
    violated
    >>> def centred(raw, train, test):
    ...     return raw - raw[train].mean()
    >>> print(check_preprocessing(centred, raw, [([0, 1, 2], [3])]).verdict)
    proved
    """
    one_of(mode, "mode", get_args(Mode))
    if not isinstance(raw, (pd.DataFrame, pd.Series, np.ndarray)):
        raise SplitError(
            f"raw is a {type(raw).__name__}, whose rows cannot be scrambled. Pass a DataFrame, a "
            f"Series or an array; for texts np.array(texts, dtype=object)."
        )
    check = _after_scrambling if mode == "noninterference" else _after_cutting
    step = _Step(fn, raw)
    table = tuple(check(step, *_read(fold, number, raw)) for number, fold in _folds(splits, raw))
    if not table:
        raise SplitError("there is no fold to check. Pass at least one pair (train, test).")
    return PreprocessingProof(mode, count_rows(raw), table)


class _Step:
    """The function under test, always handed a copy that it may spoil."""

    def __init__(self, fn: Preprocessing, raw: Raw) -> None:
        self.fn, self.raw = fn, raw
        self.takes_fold = len(_positional(fn)) >= 3

    def features(self, raw: Raw, train: IntArray, test: IntArray) -> Columns:
        """The features of the train rows."""
        given = (raw.copy(), train.copy(), test.copy()) if self.takes_fold else (raw.copy(),)
        return train_columns(self.fn(*given), train, count_rows(raw))

    def twice(self, train: IntArray, test: IntArray) -> tuple[Columns, NotChecked | None]:
        """The features, and why nothing can be said if a second call gives others."""
        first = self.features(self.raw, train, test)
        change = first_difference(first, self.features(self.raw, train, test))
        if change is None:
            return first, None
        why = f"two calls on the same rows differ, in {change.note}; fix its random state"
        return first, NotChecked(why, demanded=True)

    def compare(self, before: Columns, changed: Raw, train: IntArray, test: IntArray) -> Result:
        """The features of the train rows before and after a change elsewhere."""
        try:
            after = self.features(changed, train, test)
        except (ArithmeticError, LookupError, TypeError, ValueError) as refusal:
            return NotChecked(f"it refuses the changed rows: {refusal!r}", demanded=True)
        change = first_difference(before, after)
        if change is None:
            return Proved()
        row = int(train[change.row])
        labels = row_labels(self.raw)
        label = None if labels is None or labels[row] == row else str(labels[row])
        witness = Witness(train=RowView(row, label), note=change.note)
        return Violated(change.n_rows, "train rows change", (witness,))


def _after_scrambling(step: _Step, train: IntArray, test: IntArray) -> Result:
    before, unsure = step.twice(train, test)
    if unsure is not None:
        return unsure
    changed = [scrambled(step.raw, test, way) for way in range(N_SCRAMBLES)]
    results = [step.compare(before, one.data, train, test) for one in changed]
    stuck = sorted(frozenset.intersection(*(one.stuck for one in changed)))
    if stuck:
        why = f"column {stuck[0]} could not be changed ({len(stuck)} in all)"
        results.append(NotChecked(why, demanded=True))
    return min(results, key=_rank)


def _after_cutting(step: _Step, train: IntArray, test: IntArray) -> Result:
    above = train[train < test.min()]
    if len(above) == 0:
        return NotChecked("no train row lies above the first test row", demanded=True)
    before, unsure = step.twice(above, test)
    if unsure is not None:
        return unsure
    cut = int(above.max()) + 1  # rows that were purged between train and test are future, too
    prefix = step.raw[:cut] if isinstance(step.raw, np.ndarray) else step.raw.iloc[:cut]
    return step.compare(before, prefix, above, above[-1:])


def _rank(result: Result) -> int:
    return ("VIOLATED", "NOT_CHECKED", "PROVED").index(result.outcome)


def _said(result: Result) -> str:
    if isinstance(result, Violated):
        return f"{result.count} {result.unit}, first {result.witnesses[0]}"
    return f"not checked: {result}"


def _folds(splits: FoldSource | SplitPlan, raw: Raw) -> Iterator[tuple[int, RawFold]]:
    if isinstance(splits, SplitPlan):
        return enumerate(splits.split(raw))
    return enumerate(folds_of(splits, raw, None, None, None, None))


def _read(fold: RawFold, number: int, raw: Raw) -> tuple[IntArray, IntArray]:
    """The rows of both sides in the order given, refused if any of them is not a row of raw."""
    labels = row_labels(raw)
    for entries, name in zip(fold, ("train", "test"), strict=True):
        side = read_side(entries, count_rows(raw), labels, name)
        if side.faults:
            fault = side.faults[0]
            raise SplitError(
                f"fold {number}: {' '.join(filter(None, (fault.label, fault.note)))}. "
                f"Pass row numbers from 0, or a mask with one value per row."
            )
    train, test = (
        rows_in_order(entries, count_rows(raw), labels, name).astype(np.int64)
        for entries, name in zip(fold, ("train", "test"), strict=True)
    )
    return train, test


def _positional(fn: Preprocessing) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(fn).parameters.values()
    return [one for one in parameters if one.kind in kinds and one.default is one.empty]
