"""Reading times, durations, columns and labels: what is accepted, and every refusal whole."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits.spans import read_call_spans, read_spans, read_window_starts
from repro.splits.times import Axis, Duration, read_duration, read_times

DAY = 86_400_000_000_000
NOON = 1_577_880_000_000_000_000  # 2020-01-01T12:00Z


@pytest.mark.parametrize(
    ("values", "zone"),
    [
        (pd.Series(["2020-01-01T12:00Z"]).pipe(pd.to_datetime), "aware"),
        (pd.to_datetime(pd.Series(["2020-01-01T13:00"])).dt.tz_localize("Europe/Berlin"), "aware"),
        (pd.to_datetime(pd.Series(["2020-01-01T12:00"])), "naive"),
        (np.array(["2020-01-01T12"], dtype="datetime64[h]"), "naive"),
        ([dt.datetime(2020, 1, 1, 12)], "naive"),
        (np.array([dt.datetime(2020, 1, 1, 12)], dtype=object), "naive"),
        ([dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)], "aware"),
        (np.array([dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)], dtype=object), "aware"),
        (
            [pd.Timestamp("2020-01-01T12:00", tz="UTC"), pd.Timestamp("2020", tz="Asia/Tokyo")],
            "aware",
        ),
        (pd.Series(pd.to_datetime(["2020-01-01T12:00"])).astype("timestamp[s][pyarrow]"), "naive"),
    ],
)
def test_every_kind_of_datetime_lands_on_one_utc_axis(values, zone):
    times = read_times(values, "times")
    assert (times.values[0], times.zone) == (NOON, zone)


def test_a_date_is_its_midnight():
    times = read_times([dt.date(1970, 1, 2)], "times")
    assert (times.values.tolist(), times.zone) == ([DAY], "naive")


@pytest.mark.parametrize(
    "values",
    [
        [3, 5],
        np.array([3, 5], dtype=np.uint8),
        [3.0, 5.0],
        pd.array([3, 5], dtype="Int64"),
        pd.Series([3, 5], index=["b", "a"]),
    ],
)
def test_whole_numbers_are_times(values):
    times = read_times(values, "times")
    assert (times.values.tolist(), times.zone) == ([3, 5], "number")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pd.to_datetime(pd.Series(["2020", None, None])),
            "times is missing in 2 of 3 rows, first in row 1. Drop these rows, or fill in when "
            "they happened.",
        ),
        (
            [1.0, np.nan],
            "times is missing in 1 of 2 rows, first in row 1. Drop these rows, or fill in when "
            "they happened.",
        ),
        (
            ["2020-01-01"],
            "times holds str values such as '2020-01-01'; times are datetimes or whole numbers. "
            "Convert them first, for example with pd.to_datetime(..., utc=True).",
        ),
        (
            [True],
            "times holds bool values such as True; times are datetimes or whole numbers. "
            "Convert them first, for example with pd.to_datetime(..., utc=True).",
        ),
        (
            [1.0, 2.5],
            "times holds 2.5; numbers must be whole to be told apart exactly. Convert them first, "
            "for example with pd.to_datetime(..., unit='s', utc=True).",
        ),
        (
            [1.0, np.inf],
            "times holds inf; numbers must be whole to be told apart exactly. Convert them first, "
            "for example with pd.to_datetime(..., unit='s', utc=True).",
        ),
        (np.zeros((2, 2)), "times must have one value per row; it has shape (2, 2)."),
        (
            [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
            "times mixes times with and without a time zone. Say which zone the others are in: "
            "pd.to_datetime(..., utc=True).",
        ),
        (
            np.array(["2020-01-01", "9999-12-31"], dtype="datetime64[D]"),
            "times reaches from 2020-01-01 00:00:00 to 9999-12-31 00:00:00; only the years 1678 "
            "to 2261 can be told apart to the nanosecond. Replace place-holders by real times.",
        ),
    ],
)
def test_times_that_cannot_be_compared_are_refused(values, message):
    with pytest.raises(SplitError) as caught:
        read_times(values, "times")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Duration(3, "ticks")),
        (np.int32(3), Duration(3, "ticks")),
        ("2D", Duration(2 * DAY, "ns")),
        (dt.timedelta(days=2), Duration(2 * DAY, "ns")),
        (pd.Timedelta(days=2), Duration(2 * DAY, "ns")),
        (np.timedelta64(2, "D"), Duration(2 * DAY, "ns")),
    ],
)
def test_an_int_counts_timestamps_and_anything_else_measures_time(value, expected):
    assert read_duration(value, "gap", "aware") == expected


@pytest.mark.parametrize(
    ("value", "zone", "message"),
    [
        (-1, "aware", "gap=-1 is negative; pass 0 or more."),
        ("-1D", "aware", "gap='-1D' is negative; pass 0 or more."),
        (
            "5",
            "aware",
            "gap='5' is not a duration (not a length of time with a unit). Pass a length of time "
            "such as '30D' or pd.Timedelta(days=30), or an int: so many distinct times.",
        ),
        (
            0.1,
            "aware",
            "gap=0.1 is not a duration (not a length of time with a unit). Pass a length of time "
            "such as '30D' or pd.Timedelta(days=30), or an int: so many distinct times.",
        ),
        (
            True,
            "aware",
            "gap=True is not a duration (not a length of time with a unit). Pass a length of time "
            "such as '30D' or pd.Timedelta(days=30), or an int: so many distinct times.",
        ),
        (
            "30D",
            "number",
            "gap='30D' is a length of time, but the times are numbers. Pass an int: so many "
            "distinct times.",
        ),
    ],
)
def test_durations_that_mean_nothing_are_refused(value, zone, message):
    with pytest.raises(SplitError) as caught:
        read_duration(value, "gap", zone)
    assert str(caught.value) == message


def test_moving_by_ticks_counts_distinct_timestamps_and_stops_at_the_ends():
    axis = Axis(np.array([10, 10, 20, 40, 40]))
    assert axis.back(axis.after_last, Duration(2, "ticks")) == 20
    assert axis.back(20, Duration(5, "ticks")) == 10
    assert axis.ahead(10, Duration(2, "ticks")) == 40
    assert axis.ahead(20, Duration(9, "ticks")) == axis.after_last == 41
    assert axis.reach(np.array([15, 40]), Duration(1, "ticks")).tolist() == [20, 40]
    assert axis.reach(np.array([15]), Duration(0, "ticks")).tolist() == [15]


FRAME = pd.DataFrame(
    {"t": [1, 2, 3], "end": [2, 3, 4]}, index=pd.Index(["a", "b", "c"], name="row")
)


def spans_of(data, time=None, times=None, end_time=None, end_times=None):
    return read_spans(data, time=time, times=times, end_time=end_time, end_times=end_times)


def test_a_series_is_aligned_by_label_never_by_position():
    shuffled = FRAME["end"].iloc[[2, 0, 1]]
    spans = spans_of(FRAME, time="t", end_time=shuffled)
    assert spans.end.values.tolist() == [2, 3, 4]
    routed = spans_of(FRAME, times=FRAME["t"].iloc[::-1], end_times=shuffled)
    assert (routed.start.values.tolist(), routed.end.values.tolist()) == ([1, 2, 3], [2, 3, 4])


def test_times_may_be_an_index_level_and_an_unnamed_index_is_called_index():
    by_level = FRAME.reset_index().set_index(["row", "t"])
    assert spans_of(by_level, time="t", end_time="end").start.values.tolist() == [1, 2, 3]
    unnamed = pd.DataFrame({"x": [0, 0]}, index=[7, 9])
    assert spans_of(unnamed, time="index", end_time="point").start.values.tolist() == [7, 9]


def test_a_horizon_is_added_to_the_time_of_each_row():
    days = pd.DataFrame({"t": pd.to_datetime(["1970-01-01", "1970-01-02"])})
    spans = spans_of(days, time="t", end_time=pd.Timedelta(days=3))
    assert spans.end.values.tolist() == [3 * DAY, 4 * DAY]


def test_a_look_back_opens_the_window_before_the_time_of_each_row():
    days = pd.DataFrame({"t": pd.to_datetime(["1970-01-05"])})
    start = spans_of(days, time="t", end_time="point").start
    opened = read_window_starts(days, start, dt.timedelta(days=3))
    assert opened.values.tolist() == [DAY]


AWARE = pd.to_datetime(pd.Series(["2020-01-01", "2020-01-02", "2020-01-03"], index=list("abc")))
AUTUMN = pd.to_datetime(pd.Series(["2020-10-25T02:30"], index=["x"]))

REFUSALS = {
    "no time": (
        {"data": FRAME, "end_time": "end"},
        "nothing says when the rows happened. Pass time= (a column or index level of X, or a "
        "labelled Series), or times= to split().",
    ),
    "no end": (
        {"data": FRAME, "time": "t"},
        "times are given but nothing says when each label is known. Pass end_time= (a column or "
        "a horizon such as pd.Timedelta(days=5)) or end_times=, or say end_time='point' if a "
        "label is known at the very time of its row.",
    ),
    "two times": (
        {"data": FRAME, "time": "t", "times": [1, 2, 3], "end_time": "point"},
        "time='t' and times= both say when the rows happened. Pass one of them.",
    ),
    "two ends": (
        {"data": FRAME, "time": "t", "end_time": FRAME["end"], "end_times": [1, 2, 3]},
        "end_time=<Series> and end_times= both say when labels are known. Pass one of them.",
    ),
    "no such column": (
        {"data": FRAME, "time": "when", "end_time": "point"},
        "time='when' is neither a column nor an index level of X; columns: 't', 'end'; index "
        "levels: 'row'.",
    ),
    "column and level": (
        {"data": FRAME.assign(row=1), "time": "row", "end_time": "point"},
        "time='row' names 2 columns or index levels of X. Rename all but one.",
    ),
    "no columns": (
        {"data": np.zeros((3, 1)), "time": "t", "end_time": "point"},
        "time='t' names a column, but X is a ndarray without columns. Pass a DataFrame, or hand "
        "the values to split().",
    ),
    "no labels": (
        {"data": np.zeros((3, 1)), "time": FRAME["t"], "end_time": "point"},
        "time= is a Series, which is aligned by label, but X is a ndarray without labels. Pass a "
        "DataFrame, or hand the values to split().",
    ),
    "label missing": (
        {"data": FRAME, "time": FRAME["t"].iloc[:2], "end_time": "point"},
        "time has no value for 1 of 3 rows of X, first for label 'c'. Give it the index of X, or "
        "pass time.to_numpy() in the order of X.",
    ),
    "label twice": (
        {"data": FRAME, "times": FRAME["t"].iloc[[0, 0, 1, 2]], "end_time": "point"},
        "times is aligned with X by label, but times has label 'a' more than once. Make the "
        "labels unique, or name a column of X.",
    ),
    "wrong length": (
        {"data": FRAME, "times": [1, 2], "end_time": "point"},
        "times has 2 values, X has 3 rows. Pass one value per row, in the order of X.",
    ),
    "no rows": (
        {"data": FRAME.iloc[:0], "time": "t", "end_time": "point"},
        "X has no rows; there is nothing to split.",
    ),
    "two axes": (
        {"data": FRAME, "times": AWARE.dt.tz_localize("UTC"), "end_times": AWARE},
        "time holds times with a time zone but end_times holds times without a time zone; both "
        "must lie on one axis. Convert both with pd.to_datetime(..., utc=True), or pass numbers "
        "for both.",
    ),
    "end before start": (
        {"data": FRAME, "time": "end", "end_time": "t"},
        "3 rows end before they start, first row 0 (label 'a'): 1 is before 2. A label cannot be "
        "known before its row's time; correct or drop these rows.",
    ),
    "clock set back": (
        {
            "data": AUTUMN.to_frame("t"),
            "time": "t",
            "end_time": AUTUMN - pd.Timedelta(minutes=30),
        },
        "1 rows end before they start, first row 0 (label 'x'): 2020-10-25T02:00:00Z is before "
        "2020-10-25T02:30:00Z. A label cannot be known before its row's time; correct or drop "
        "these rows. Local times without a zone do this when the clock is set back: convert them "
        "to UTC.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_placed_in_time_is_refused_with_the_value_and_the_fix(case):
    arguments, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        spans_of(**arguments)
    assert str(caught.value) == message


def test_end_times_without_times_are_refused():
    with pytest.raises(SplitError) as caught:
        read_call_spans(FRAME, None, "end")
    assert str(caught.value) == "end_times= are given without times=. Pass both."


def test_a_feature_window_that_opens_after_its_row_is_refused():
    start = spans_of(FRAME, time="t", end_time="point").start
    with pytest.raises(SplitError) as caught:
        read_window_starts(FRAME, start, "end")
    assert str(caught.value) == (
        "feature_start lies after the time of 3 rows, first of row 0: 2 after 1. A feature window "
        "ends at its row's time."
    )
