"""Windows of calendar months and of counted rows, in panels and in any order of the rows."""

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits import GroupTimeSeriesSplit, make_plan
from repro.splits.times import Axis, Duration
from repro.splits.windows import Lengths, windows_from_start, windows_to_end

MONTH = Duration(0, "ns", months=1)
NO_GAP = Duration(0, "ns")


def folds(times, **parameters):
    cv = GroupTimeSeriesSplit(**{"end_time": "point", **parameters})
    return list(cv.split(np.zeros(len(times)), times=times))


def first_and_last(times, rows):
    return [f"{times[rows].min():%Y-%m-%d}", f"{times[rows].max():%Y-%m-%d}"]


@pytest.mark.parametrize("month", ["1ME", "1MS", pd.DateOffset(months=1), pd.offsets.MonthEnd(1)])
@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize("anchor", ["start", "end"])
def test_windows_of_a_month_begin_and_end_with_each_month(month, tz, anchor):
    days = pd.date_range("2019-10-01", "2020-04-30", tz=tz)
    found = folds(days, test=month, anchor=anchor)
    assert [first_and_last(days, test) for _, test in found] == [
        ["2019-11-01", "2019-11-30"],
        ["2019-12-01", "2019-12-31"],
        ["2020-01-01", "2020-01-31"],
        ["2020-02-01", "2020-02-29"],
        ["2020-03-01", "2020-03-31"],
        ["2020-04-01", "2020-04-30"],
    ]


def test_a_rolling_month_after_a_month_of_gap_is_a_whole_month_too():
    days = pd.date_range("2020-01-01", "2020-04-30", tz="UTC")
    [(train, _)] = folds(days, n_splits=1, test="1ME", gap="1ME", train="1ME", window="rolling")
    assert first_and_last(days, train) == ["2020-02-01", "2020-02-29"]


@pytest.mark.parametrize("place", [windows_to_end, windows_from_start])
@pytest.mark.parametrize("step", [1, 2])
def test_windows_from_the_31st_leave_no_day_out_and_do_not_drift(place, step):
    axis = Axis(pd.date_range("2018-10-31", "2020-01-30", tz="UTC").as_unit("ns").asi8)
    lengths = Lengths(test=MONTH * step, step=MONTH, gap=NO_GAP, train=None)
    windows = place(axis, lengths, None)
    for before, after in zip(windows[:-step], windows[step:], strict=True):
        assert before.stop == after.start
    assert {pd.Timestamp(window.start).day for window in windows} == {31, 30, 28}


def test_a_year_and_a_quarter_are_months_of_the_calendar():
    days = pd.date_range("2018-01-01", "2020-12-31")
    years = folds(days, test="1YE", train="1QE", window="rolling")
    assert [first_and_last(days, rows) for rows in years[1]] == [
        ["2019-10-01", "2019-12-31"],
        ["2020-01-01", "2020-12-31"],
    ]


def test_counted_rows_differ_from_counted_times_where_times_are_tied():
    times = [0, 0, 1, 2, 2, 3]
    by_time = folds(times, n_splits=1, test=2)
    by_row = folds(times, n_splits=1, test=2, unit="rows")
    assert [rows.tolist() for rows in by_time[0]] == [[0, 1, 2], [3, 4, 5]]
    assert [rows.tolist() for rows in by_row[0]] == [[0, 1, 2], [3, 4, 5]]
    [(train, test)] = folds(times, n_splits=1, test=1, gap=2, unit="rows")
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [5])


@pytest.mark.parametrize("anchor", ["start", "end"])
def test_windows_of_counted_rows_are_whole_timestamps_that_leave_no_row_out(anchor):
    times = np.repeat(np.arange(12), [1, 3, 2, 1, 4, 1, 1, 2, 5, 1, 1, 2])
    tests = [test for _, test in folds(times, test=3, unit="rows", anchor=anchor)]
    together = np.concatenate(tests)
    assert together.tolist() == list(range(together[0], together[-1] + 1))
    assert all(len(test) >= 3 for test in tests)
    assert sum(len(set(times[test])) for test in tests) == len(set(times[together]))


def test_rows_of_unique_times_may_be_divided_among_n_splits():
    assert [len(test) for _, test in folds(range(9), n_splits=2, test=None, unit="rows")] == [3, 3]
    with pytest.raises(SplitError, match="unit='days' is unknown; choose 'times' or 'rows'"):
        folds(range(9), unit="days")


PARAMETERS = [
    {"test": 1, "end_time": "end"},
    {"test": "1ME", "end_time": "end"},
    {"test": "20D", "end_time": "end", "train": "1ME", "window": "rolling", "gap": "1D"},
    {"test": 15, "end_time": "end", "groups_policy": "disjoint"},
    {"test": 60, "end_time": "end", "unit": "rows", "groups_policy": "unseen"},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda given: str(given["test"]))
def test_a_ragged_panel_in_any_order_of_its_rows_gives_the_same_folds(parameters):
    days = pd.date_range("2020-01-01", "2020-05-31", tz="America/New_York")
    parts = [(name, day) for n, name in enumerate("abcdefgh") for day in days[20 * n :: 1 + n % 3]]
    panel = pd.DataFrame(parts, columns=["g", "t"])
    panel["end"] = panel["t"] + pd.to_timedelta(np.arange(len(panel)) % 5, "D")
    panel["g"] += (panel.index // 15).astype(str)
    cv = GroupTimeSeriesSplit(2, time="t", **parameters)
    order = np.random.default_rng(0).permutation(len(panel))
    shuffled = panel.iloc[order]
    in_time = panel.sort_values("t", kind="stable")
    expected = [labels_of(panel, fold) for fold in cv.split(panel, groups="g")]
    assert expected == [labels_of(shuffled, fold) for fold in cv.split(shuffled, groups="g")]
    assert expected == [labels_of(in_time, fold) for fold in cv.split(in_time, groups="g")]
    for train, test in cv.split(shuffled, groups="g"):
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()
        assert shuffled["end"].iloc[train].max() < shuffled["t"].iloc[test].min()


def labels_of(panel, fold):
    return [set(panel.index[rows]) for rows in fold]


def test_months_in_a_plan_are_written_as_a_length_that_reads_back():
    days = pd.DataFrame({"t": pd.date_range("2020-01-01", "2020-03-31", tz="UTC")})
    cv = GroupTimeSeriesSplit(
        1, time="t", test=pd.DateOffset(months=1), gap=pd.offsets.MonthEnd(1), end_time="point"
    )
    plan = make_plan(cv, days)
    assert plan.parameters["test"] == plan.parameters["gap"] == "P1M0DT0H0M0S"
    again = GroupTimeSeriesSplit(
        1, time="t", test=plan.parameters["test"], gap=plan.parameters["gap"], end_time="point"
    )
    assert make_plan(again, days) == plan
