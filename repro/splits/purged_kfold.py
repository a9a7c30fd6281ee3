"""K folds over time; training rows whose label reaches into the test block are removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.errors import SplitError
from repro.splits.folds import Policy
from repro.splits.parameters import one_of, parameters_of, whole_number
from repro.splits.rows import read_parameter
from repro.splits.spans import (
    EndSource,
    Spans,
    TimeSource,
    close_left,
    read_spans,
    read_window_starts,
)
from repro.splits.times import Axis, Duration, IntArray, read_duration

Fold = tuple[IntArray, IntArray]


class PurgedKFold(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """K consecutive test blocks of equally many distinct timestamps, trained on both sides.

    A training row is removed when its span [time, end_time] meets the span of a test row, or
    when it starts within `embargo` after the last label of the test block. Rows of one
    timestamp are never separated.

    Parameters
    ----------
    n_splits : number of test blocks, 2 or more
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    end_time : when the label is known: "point" (at `time`), a column, a Series, a timedelta
        after `time`, or None if `end_times=` comes with `split`
    feature_start : where the feature window opens (column, Series, or look-back timedelta);
        rows whose window reaches back into a test label are removed too
    embargo : "5D", a timedelta, or an int: so many distinct timestamps
    closed : "both", or "left" if a label does not use the very moment it ends
    min_train : fewest training rows of a fold

    Source
    ------
    López de Prado 2018, Advances in Financial Machine Learning, chapter 7.
    """

    policy: ClassVar[Policy] = "kfold"
    __metadata_request__split: ClassVar = {"times": True, "end_times": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        time: TimeSource | None = None,
        end_time: EndSource | None,
        feature_start: Hashable | pd.Series | dt.timedelta | None = None,
        embargo: str | int | dt.timedelta | None = None,
        closed: Literal["both", "left"] = "both",
        min_train: int = 1,
    ) -> None:
        self.n_splits = n_splits
        self.time = time
        self.end_time = end_time
        self.feature_start = feature_start
        self.embargo = embargo
        self.closed = closed
        self.min_train = min_train

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
        """The number of test blocks; the data do not matter."""
        return self.n_splits

    def spans(self, X: object, *, times: object = None, end_times: object = None) -> Spans:
        """When each row of X happened, was known, and where its feature window opens."""
        spans = read_spans(
            X, time=self.time, times=times, end_time=self.end_time, end_times=end_times
        )
        if self.feature_start is None:
            return spans
        opened = read_window_starts(X, spans.start, self.feature_start, read_parameter)
        return replace(spans, opened=opened)

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
            Before the first fold, if a parameter, a time or the size of any fold is not usable.
        """
        n_splits = whole_number(self.n_splits, "n_splits", at_least=2)
        min_train = whole_number(self.min_train, "min_train", at_least=1)
        one_of(self.closed, "closed", ("both", "left"))
        spans = self.spans(X, times=times, end_times=end_times)
        length = 0 if self.embargo is None else self.embargo
        embargo = read_duration(length, "embargo", spans.start.zone)
        if self.closed == "left":
            spans = close_left(spans)
        blocks = _Blocks(spans, n_splits, embargo)
        for number in range(n_splits):
            _check_size(number, int(blocks.train(number).sum()), min_train)
        return (
            (np.flatnonzero(blocks.train(number)), np.flatnonzero(blocks.test(number)))
            for number in range(n_splits)
        )


class _Blocks:
    """The test blocks of one data set, and who may train for each."""

    def __init__(self, spans: Spans, n_splits: int, embargo: Duration) -> None:
        assert spans.end is not None
        self.start, self.end = spans.start.values, spans.end.values
        self.opened = self.start if spans.opened is None else spans.opened.values
        self.axis = Axis(self.start)
        self.embargo = embargo
        ticks = self.axis.ticks
        if len(ticks) < n_splits:
            raise SplitError(
                f"n_splits={n_splits} needs {n_splits} distinct times, X has {len(ticks)} in "
                f"{len(self.start)} rows. Ask for fewer splits."
            )
        sizes = np.full(n_splits, len(ticks) // n_splits)
        sizes[: len(ticks) % n_splits] += 1  # as scikit-learn's KFold: the first folds get the rest
        last = np.cumsum(sizes) - 1
        self.first_tick, self.last_tick = ticks[last - sizes + 1], ticks[last]

    def test(self, number: int) -> NDArray[np.bool_]:
        first, last = int(self.first_tick[number]), int(self.last_tick[number])
        return (first <= self.start) & (self.start <= last)

    def train(self, number: int) -> NDArray[np.bool_]:
        """Rows known before the block, and rows that start when all its labels are known.

        A block is contiguous in time, so its first start and its last end decide for all its
        rows. A label that is known at once (a point) hides nothing that a window could see.
        """
        test = self.test(number)
        last_end = self.end[test].max(keepdims=True)
        sealed = int(self.axis.reach(last_end, self.embargo)[0])
        before = self.end < int(self.first_tick[number])
        after = (self.start > int(self.last_tick[number])) & (self.start > sealed)
        spread = test & (self.end > self.start)
        if spread.any():
            after &= self.opened > self.end[spread].max()
        return before | after


def _check_size(number: int, n_train: int, min_train: int) -> None:
    if n_train < min_train:
        raise SplitError(
            f"fold {number} keeps {n_train} training rows, min_train={min_train}. "
            f"Ask for fewer splits, shorten the labels or the embargo, or bring more rows."
        )
