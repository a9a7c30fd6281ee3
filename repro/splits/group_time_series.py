"""Walk-forward splits of rows that belong to groups: train on the past, test on what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, get_args

from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.errors import SplitError
from repro.splits.folds import Fold, Policy
from repro.splits.labels import read_labels
from repro.splits.parameters import one_of, parameters_of, whole_number
from repro.splits.spans import EndSource, Spans, TimeSource, read_spans
from repro.splits.timeline import Timeline
from repro.splits.times import Axis, Duration, IntArray, LengthSource, Times, Unit, show_moment
from repro.splits.window_rows import GroupsPolicy, Stretch, WindowRows
from repro.splits.windows import (
    Lengths,
    Window,
    check_number,
    read_window_length,
    windows_from_start,
    windows_to_end,
)

WindowKind = Literal["expanding", "rolling"]
Anchor = Literal["end", "start"]
Counted = Literal["times", "rows"]


class GroupTimeSeriesSplit(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """Test windows that walk forward in time; training labels are known before each begins.

    Lengths (`test`, `train`, `step`, `gap`) are "30D", a timedelta, months of the calendar in
    the time zone of the times ("1ME", "1QE", pd.DateOffset(months=1)), or an int: so many distinct
    timestamps. Every window is placed from the anchor, so that months do not drift; to be whole
    months, the data must begin with one (anchor="start") or end with one (anchor="end").
    Windows are the same for all groups, and rows of one timestamp are never separated. Times
    without a zone are taken as UTC.

    Parameters
    ----------
    n_splits : number of windows; None takes all whose training set has `min_train` rows
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    test : length of a test window; None divides the timestamps as TimeSeriesSplit does
    train : length of the training window, with window="rolling" only
    step : from one test window to the next; None means `test`
    gap : between the last known training label and the test window
    end_time : when the label is known: "point" (at `time`), a column, a Series, a length of time
        after `time` such as "5D" (of numbers: an int), or None if `end_times=` comes with `split`
    window : "expanding" (all of the past) or "rolling" (the last `train` of it)
    groups_policy : "ignore"; "disjoint" removes from training the groups of the test window;
        "unseen" removes from the test window the groups of the training set
    anchor : "end" (the last window ends with the last row) or "start" (the first window follows
        the first `train`, or else the first `test`)
    min_train : fewest training rows of a fold
    unit : what an int counts: "times" (distinct timestamps) or "rows"; a timestamp at the edge
        then belongs to what is counted with all its rows, so that there are at least so many
    """

    policy: ClassVar[Policy] = "walk_forward"
    __metadata_request__split: ClassVar = {"groups": True, "times": True, "end_times": True}

    def __init__(
        self,
        n_splits: int | None = None,
        *,
        time: TimeSource | None = None,
        test: LengthSource | None = "30D",
        train: LengthSource | None = None,
        step: LengthSource | None = None,
        gap: LengthSource | None = None,
        end_time: EndSource | None,
        window: WindowKind = "expanding",
        groups_policy: GroupsPolicy = "ignore",
        anchor: Anchor = "end",
        min_train: int = 1,
        unit: Counted = "times",
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
        self.unit = unit

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
        """The number of windows; without `n_splits` it depends on the times of X.

        Raises
        ------
        SplitError
            `n_splits` is no whole number, 1 or more, or X is needed and not usable.
        """
        if self.n_splits is not None:
            return whole_number(self.n_splits, "n_splits", at_least=1)
        if X is None:
            raise SplitError(
                "the number of windows depends on the data. Pass X to get_n_splits(), or n_splits=."
            )
        self._check_choices()
        spans = self.spans(X, times=times, end_times=end_times)
        return len(self._windows(spans, WindowRows(Timeline(spans), None, "ignore")))

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
        rows = WindowRows(Timeline(spans), self._group_codes(groups, X), self.groups_policy)
        windows = self._windows(spans, rows)
        for number, window in enumerate(windows):
            self._check_sizes(number, window, rows.sides(window), spans.start)
        sides = (rows.sides(window) for window in windows)
        return ((rows.rows(train), rows.rows(test)) for train, test in sides)

    def _check_choices(self) -> None:
        one_of(self.window, "window", get_args(WindowKind))
        one_of(self.groups_policy, "groups_policy", get_args(GroupsPolicy))
        one_of(self.anchor, "anchor", get_args(Anchor))
        one_of(self.unit, "unit", get_args(Counted))
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

    def _windows(self, spans: Spans, rows: WindowRows) -> list[Window]:
        axis = rows.timeline.axis
        lengths = self._lengths(axis, spans.start)
        if self.anchor == "end":
            windows = windows_to_end(axis, lengths, self.n_splits)
        else:
            windows = windows_from_start(axis, lengths, self.n_splits)
        check_number(len(windows), self.n_splits)
        if self.n_splits is None:
            windows = self._drop_early(windows, rows)
        if not windows:
            raise SplitError(
                f"no test window of length test={self.test!r} has {self.min_train} training rows "
                f"before it. Shorten test=, gap= or the labels, or bring more rows."
            )
        return windows

    @property
    def _unit(self) -> Unit:
        return "rows" if self.unit == "rows" else "ticks"

    def _lengths(self, axis: Axis, start: Times) -> Lengths:
        def read(name: Literal["test", "train", "step", "gap"]) -> Duration:
            return read_window_length(getattr(self, name), name, start, self._unit)

        test = self._equal_part(axis) if self.test is None else read("test")
        step = test if self.step is None else read("step")
        train = None if self.train is None else read("train")
        return Lengths(test, step, read("gap"), train)

    def _equal_part(self, axis: Axis) -> Duration:
        assert self.n_splits is not None
        n_all = axis.count(self._unit)
        if n_all <= self.n_splits:
            raise SplitError(
                f"n_splits={self.n_splits} needs {self.n_splits + 1} "
                f"{'rows' if self._unit == 'rows' else 'distinct times'}, X has {n_all}. "
                f"Ask for fewer splits."
            )
        return Duration(n_all // (self.n_splits + 1), self._unit)

    def _drop_early(self, windows: list[Window], rows: WindowRows) -> list[Window]:
        """Without the first windows, as long as too little of the past lies before them."""
        enough = (
            number
            for number, window in enumerate(windows)
            if rows.past(window).n_rows >= self.min_train
        )
        return windows[next(enough, len(windows)) :]

    def _check_sizes(
        self, number: int, window: Window, sides: tuple[Stretch, Stretch], times: Times
    ) -> None:
        n_train, n_test = (side.n_rows for side in sides)
        where = f"fold {number}, test window [{show_moment(window.start, times.zone)}, "
        where += f"{show_moment(window.stop, times.zone)})"
        if n_test == 0:
            raise SplitError(
                f"{where}, has no test rows (groups_policy={self.groups_policy!r}). "
                f"Take a longer test=, or other groups."
            )
        if n_train < self.min_train:
            also = ""
            if self.groups_policy == "disjoint":
                also = " groups_policy='disjoint' leaves out the groups of the test window: all of "
                also += "them, if every group is in every window. Then take finer groups, or "
                also += "'ignore'."
            raise SplitError(
                f"{where}, has {n_train} training rows, min_train={self.min_train}. "
                f"Ask for fewer splits, or shorten test=, gap= or the labels.{also}"
            )
