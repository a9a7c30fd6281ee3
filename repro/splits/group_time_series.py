"""Walk-forward splits of rows that belong to groups: train on the past, test on what follows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.errors import SplitError
from repro.splits.folds import Policy
from repro.splits.labels import read_labels
from repro.splits.parameters import one_of, parameters_of, whole_number
from repro.splits.spans import EndSource, Spans, TimeSource, read_spans
from repro.splits.times import Axis, Duration, IntArray, Zone, read_duration, show_moment
from repro.splits.windows import Lengths, Window, windows_from_start, windows_to_end

Fold = tuple[IntArray, IntArray]
Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]
Length = str | int | dt.timedelta


class GroupTimeSeriesSplit(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """Test windows that walk forward in time; training labels are known before each begins.

    Lengths (`test`, `train`, `step`, `gap`) are "30D", a timedelta, or an int: so many distinct
    timestamps. Windows are the same for all groups, and rows of one timestamp are never separated.

    Parameters
    ----------
    n_splits : number of windows; None takes all whose training set has `min_train` rows
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    test : length of a test window; None divides the timestamps as TimeSeriesSplit does
    train : length of the training window, with window="rolling" only
    step : from one test window to the next; None means `test`
    gap : between the last known training label and the test window
    end_time : when the label is known: "point" (at `time`), a column, a Series, a timedelta
        after `time`, or None if `end_times=` comes with `split`
    window : "expanding" (all of the past) or "rolling" (the last `train` of it)
    groups_policy : "ignore"; "disjoint" removes from training the groups of the test window;
        "unseen" removes from the test window the groups of the training set
    anchor : "end" (the last window ends with the last row) or "start" (the first window follows
        the first `train`, or else the first `test`)
    min_train : fewest training rows of a fold
    """

    policy: ClassVar[Policy] = "walk_forward"
    __metadata_request__split: ClassVar = {"groups": True, "times": True, "end_times": True}

    def __init__(
        self,
        n_splits: int | None = None,
        *,
        time: TimeSource | None = None,
        test: Length | None = "30D",
        train: Length | None = None,
        step: Length | None = None,
        gap: Length | None = None,
        end_time: EndSource | None,
        window: Literal["expanding", "rolling"] = "expanding",
        groups_policy: Literal["ignore", "disjoint", "unseen"] = "ignore",
        anchor: Literal["end", "start"] = "end",
        min_train: int = 1,
    ) -> None:
        self.n_splits = n_splits
        self.time = time
        self.test = test
        self.train = train
        self.step = step
        self.gap = gap
        self.end_time = end_time
        self.window = window
        self.groups_policy = groups_policy
        self.anchor = anchor
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
        """The number of windows; without `n_splits` it depends on the times of X."""
        if self.n_splits is not None:
            return self.n_splits
        if X is None:
            raise SplitError(
                "the number of windows depends on the data. Pass X to get_n_splits(), or n_splits=."
            )
        return len(self._windows(self.spans(X, times=times, end_times=end_times)))

    def spans(self, X: object, *, times: object = None, end_times: object = None) -> Spans:
        """When each row of X happened and when its label was known."""
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
            Before the first fold, if a parameter, a time or the size of any fold is not usable.
        """
        self._check_choices()
        spans = self.spans(X, times=times, end_times=end_times)
        codes = self._group_codes(groups, X)
        windows = self._windows(spans)
        for number, window in enumerate(windows):
            train, test = self._masks(window, spans, codes)
            self._check_sizes(number, window, train, test, spans.start.zone)
        masks = (self._masks(window, spans, codes) for window in windows)
        return ((np.flatnonzero(train), np.flatnonzero(test)) for train, test in masks)

    def _check_choices(self) -> None:
        one_of(self.window, "window", ("expanding", "rolling"))
        one_of(self.groups_policy, "groups_policy", ("ignore", "disjoint", "unseen"))
        one_of(self.anchor, "anchor", ("end", "start"))
        whole_number(self.min_train, "min_train", at_least=1)
        if self.n_splits is not None:
            whole_number(self.n_splits, "n_splits", at_least=1)
        elif self.test is None:
            raise SplitError("test=None divides the timestamps by n_splits. Pass n_splits=.")
        if self.train is None and self.window == "rolling":
            raise SplitError("window='rolling' needs the length of the window. Pass train='90D'.")
        if self.train is not None and self.window == "expanding":
            raise SplitError(
                f"train={self.train!r} has no meaning with window='expanding', which trains on all "
                f"of the past. Pass window='rolling', or leave train= out."
            )

    def _group_codes(self, groups: object, data: object) -> IntArray | None:
        if self.groups_policy == "ignore":
            return None
        if groups is None:
            raise SplitError(
                f"groups_policy={self.groups_policy!r} needs groups. Pass groups= to split(), or "
                f"say groups_policy='ignore'."
            )
        return read_labels(groups, data, "groups").codes

    def _windows(self, spans: Spans) -> list[Window]:
        axis = Axis(spans.start.values)
        lengths = self._lengths(axis, spans.start.zone)
        if self.anchor == "end":
            windows = windows_to_end(axis, lengths, self.n_splits)
        else:
            windows = windows_from_start(axis, lengths, self.n_splits)
        if self.n_splits is None:
            windows = self._drop_early(windows, spans)
        if not windows:
            raise SplitError(
                f"no test window of length test={self.test!r} has {self.min_train} training rows "
                f"before it. Shorten test=, gap= or the labels, or bring more rows."
            )
        return windows

    def _lengths(self, axis: Axis, zone: Zone) -> Lengths:
        if self.test is None:
            assert self.n_splits is not None
            test = Duration(len(axis.ticks) // (self.n_splits + 1), "ticks")
        else:
            test = read_duration(self.test, "test", zone)
        step = test if self.step is None else read_duration(self.step, "step", zone)
        gap = read_duration(0 if self.gap is None else self.gap, "gap", zone)
        train = None if self.train is None else read_duration(self.train, "train", zone)
        if self.test is None and test.amount == 0:
            raise SplitError(
                f"n_splits={self.n_splits} needs {self.n_splits + 1 if self.n_splits else 0} "
                f"distinct times, X has {len(axis.ticks)}. Ask for fewer splits."
            )
        for name, length in (("test", test), ("step", step), ("train", train)):
            if length is not None and length.amount == 0:
                raise SplitError(f"{name}={getattr(self, name)!r} is no time at all; pass more.")
        return Lengths(test, step, gap, train)

    def _drop_early(self, windows: list[Window], spans: Spans) -> list[Window]:
        """Without the first windows, as long as too little of the past lies before them."""
        enough = (
            number
            for number, window in enumerate(windows)
            if np.count_nonzero(_past(window, spans)) >= self.min_train
        )
        return windows[next(enough, len(windows)) :]

    def _masks(self, window: Window, spans: Spans, codes: IntArray | None) -> Masks:
        start = spans.start.values
        train = _past(window, spans)
        test = (window.start <= start) & (start < window.stop)
        if codes is not None and self.groups_policy == "disjoint":
            train &= ~_in_groups_of(test, codes)
        if codes is not None and self.groups_policy == "unseen":
            test &= ~_in_groups_of(train, codes)
        return train, test

    def _check_sizes(
        self,
        number: int,
        window: Window,
        train: NDArray[np.bool_],
        test: NDArray[np.bool_],
        zone: Zone,
    ) -> None:
        n_train = np.count_nonzero(train)
        where = f"fold {number}, test window [{show_moment(window.start, zone)}, "
        where += f"{show_moment(window.stop, zone)})"
        if not test.any():
            raise SplitError(
                f"{where}, has no test rows (groups_policy={self.groups_policy!r}). "
                f"Take a longer test=, or other groups."
            )
        if n_train < self.min_train:
            raise SplitError(
                f"{where}, has {n_train} training rows, min_train={self.min_train}. "
                f"Ask for fewer splits, or shorten test=, gap= or the labels."
            )


def _past(window: Window, spans: Spans) -> NDArray[np.bool_]:
    assert spans.end is not None
    return (window.since <= spans.start.values) & (spans.end.values < window.cutoff)


def _in_groups_of(rows: NDArray[np.bool_], codes: IntArray) -> NDArray[np.bool_]:
    present = np.zeros(codes.max() + 1, dtype=bool)
    present[codes[rows]] = True
    return present[codes]
