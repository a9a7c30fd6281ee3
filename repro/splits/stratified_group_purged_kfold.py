"""K folds of whole groups with balanced classes; rows whose label meets a test do not train."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.errors import SplitError
from repro.splits.balanced_groups import balanced_folds
from repro.splits.folds import Fold
from repro.splits.labels import Labels, read_labels
from repro.splits.parameters import one_of, parameters_of, whole_number
from repro.splits.rows import read_parameter
from repro.splits.spans import EndSource, Spans, TimeSource, read_spans
from repro.splits.timeline import Timeline
from repro.splits.times import IntArray

OnEmpty = Literal["raise", "skip"]

MOST_COUNTS = 2**26  # of groups times classes; a GiB of memory


class StratifiedGroupPurgedKFold(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """K test sets of whole groups, each with about the same share of every class.

    Without times the folds are those of scikit-learn's StratifiedGroupKFold, not shuffled. With
    times, training rows whose span [time, end_time] meets the span of a test row are removed.

    Parameters
    ----------
    n_splits : number of test sets, 2 or more
    stratify : the classes: "y", the name of a column of X, or a Series aligned by label
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    end_time : when the label is known: "point" (at `time`), a column, a Series, a length of time
        after `time` such as "5D" (of numbers: an int), or None if `end_times=` comes with `split`
    on_empty : what to do about a fold that ends with no training or no test rows: "raise", or
        "skip", and then the data decide on the number of folds

    Source
    ------
    The groups whose classes vary most come first, each to the test set that it leaves the most
    even, as in scikit-learn's StratifiedGroupKFold.

    >>> cv = StratifiedGroupPurgedKFold(2)
    >>> folds = cv.split([0] * 6, y=[0, 0, 1, 1, 0, 1], groups=list("aabbcc"))
    >>> [test.tolist() for _, test in folds]
    [[0, 1, 4, 5], [2, 3]]
    """

    # No `policy`: without times rows are exchangeable, with them it is kfold; see `policy_of`.
    # No embargo: test rows lie all over time, and what follows each of them is nearly all rows.
    __metadata_request__split: ClassVar = {"groups": True, "times": True, "end_times": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        stratify: Hashable | pd.Series = "y",
        time: TimeSource | None = None,
        end_time: EndSource | None = None,
        on_empty: OnEmpty = "raise",
    ) -> None:
        self.n_splits = n_splits
        self.stratify = stratify
        self.time = time
        self.end_time = end_time
        self.on_empty = on_empty

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The constructor's parameters, for `sklearn.clone`."""
        return parameters_of(self)

    def get_n_splits(
        self,
        X: object = None,
        y: object = None,
        groups: object = None,
        *,
        times: object = None,
        end_times: object = None,
    ) -> int:
        """The number of folds; with on_empty="skip" the data are needed to know it.

        Raises
        ------
        SplitError
            `n_splits` is no whole number, 2 or more, or the data are needed and not usable.
        """
        n_splits = whole_number(self.n_splits, "n_splits", at_least=2)
        if self.on_empty != "skip":
            return n_splits
        if X is None:
            raise SplitError(
                "with on_empty='skip' the data decide on the number of folds. "
                "Pass get_n_splits() what split() gets."
            )
        folds = self.split(X, y, groups, times=times, end_times=end_times)
        return sum(1 for _ in folds)

    def spans(self, X: object, *, times: object = None, end_times: object = None) -> Spans | None:
        """When each row of X happened and was known; None if nobody gives times."""
        if self.time is self.end_time is times is end_times is None:
            return None
        return read_spans(
            X, time=self.time, times=times, end_time=self.end_time, end_times=end_times
        )

    def split(
        self,
        X: object,
        y: object = None,
        groups: object = None,
        *,
        times: object = None,
        end_times: object = None,
    ) -> Iterator[Fold]:
        """Row positions (train, test) of each fold, ascending.

        Raises
        ------
        SplitError
            Before the first fold, if a parameter, a group, a class or a time is not usable, or
            a fold is empty and on_empty="raise".
        """
        n_splits = whole_number(self.n_splits, "n_splits", at_least=2)
        one_of(self.on_empty, "on_empty", get_args(OnEmpty))
        held = _read_groups(groups, X, n_splits)
        classes = self._read_classes(X, y, n_splits)
        _check_memory(len(held.names), len(classes.names), self.stratify)
        spans = self.spans(X, times=times, end_times=end_times)
        folds = _Folds(balanced_folds(held, classes, n_splits), spans)
        # Without times every fold is what it is; with them an empty one is known once purged.
        numbers = [number for number in range(n_splits) if self._keeps(folds, number)]
        return ((folds.train(number), folds.test(number)) for number in numbers)

    def _read_classes(self, data: object, y: object, n_splits: int) -> Labels:
        if isinstance(self.stratify, str) and self.stratify == "y":
            if y is None:
                raise SplitError(
                    "stratify='y' balances the classes of y, but y= is missing. Pass y to "
                    "split(), or name the column of X that holds them: stratify='label'."
                )
            classes = read_labels(_one_column(y), data, "y")
        else:
            classes = read_labels(read_parameter(self.stratify, data, "stratify"), data, "stratify")
        _check_classes(classes, n_splits)
        return classes

    def _keeps(self, folds: _Folds, number: int) -> bool:
        n_train, n_test = folds.sizes(number)
        if n_train and n_test:
            return True
        if self.on_empty == "raise":
            side, why = (
                ("test", "there are too few groups")
                if n_test == 0
                else (
                    "training",
                    "the labels of all its other rows meet those of its test rows",
                )
            )
            raise SplitError(
                f"fold {number} is left without {side} rows: {why}. Ask for fewer splits, "
                f"shorten the labels, or pass on_empty='skip' to leave such folds out."
            )
        return False


class _Folds:
    """The rows of each fold; only those that may meet a test label are looked at one by one."""

    def __init__(self, fold_of_row: NDArray[np.int32], spans: Spans | None) -> None:
        self.fold_of_row = fold_of_row
        self.line = None if spans is None else Timeline(spans)
        order = None if self.line is None else self.line.order
        self.along = fold_of_row if order is None else fold_of_row[order]

    def test(self, number: int) -> IntArray:
        return np.flatnonzero(self.fold_of_row == number)

    def train(self, number: int) -> IntArray:
        kept = self.fold_of_row != number
        if self.line is not None:
            kept[self._purged(self.line, number)] = False
        return np.flatnonzero(kept)

    def sizes(self, number: int) -> tuple[int, int]:
        n_test = int(np.count_nonzero(self.fold_of_row == number))
        n_others = len(self.fold_of_row) - n_test
        if self.line is not None and n_test:
            n_others -= len(self._purged(self.line, number))
        return n_others, n_test

    def _purged(self, line: Timeline, number: int) -> IntArray:
        test = self.along == number
        places = line.labels_that_meet(~test, test)
        return places if line.order is None else line.order[places]


def _read_groups(groups: object, data: object, n_splits: int) -> Labels:
    if groups is None:
        raise SplitError(
            "groups= is missing: nothing says which rows belong together. Pass groups to split(), "
            "one per row, or use StratifiedKFold if every row stands alone."
        )
    held = read_labels(groups, data, "groups")
    if len(held.names) < n_splits:
        raise SplitError(
            f"n_splits={n_splits} needs {n_splits} groups, there are {len(held.names)}. "
            f"Ask for fewer splits."
        )
    return held


def _one_column(y: Any) -> object:
    """y of shape (n, 1) as its only column, as scikit-learn takes it."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if len(shape) != 2 or shape[1] != 1:
        return y
    return y.iloc[:, 0] if isinstance(y, pd.DataFrame) else y[:, 0]


def _check_memory(n_groups: int, n_classes: int, stratify: object) -> None:
    if n_groups * n_classes > MOST_COUNTS:
        raise SplitError(
            f"{'y' if isinstance(stratify, str) and stratify == 'y' else 'stratify='} holds "
            f"{n_classes} distinct values, with {n_groups} groups too many to count; classes are "
            f"few. Pass classes, for example bins: stratify=pd.cut(y, 5)."
        )


def _check_classes(classes: Labels, n_splits: int) -> None:
    between = [x for x in classes.names if isinstance(x, float) and not x.is_integer()]
    if between:
        raise SplitError(
            f"the values to stratify by are no classes: one is {between[0]}. "
            f"Pass classes, for example bins of these numbers: stratify=pd.cut(y, 5)."
        )
    most = int(np.bincount(classes.codes).max())
    if most < n_splits:
        raise SplitError(
            f"the largest class has {most} rows, n_splits={n_splits} test sets cannot share them. "
            f"Ask for fewer splits, or pass coarser classes."
        )
