"""Lengths of time with calendar months: read, refused, and moved by, against pandas."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits import PurgedKFold, SplitPlan, Violated, check_split, make_plan
from repro.splits.calendar_lengths import Length, parse_length, shift_months
from repro.splits.parameters import plain_value
from repro.splits.spans import read_spans, read_window_starts
from repro.splits.times import Axis, Duration, read_duration, shift

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30D", Length(0, 30 * DAY)),
        ("12h", Length(0, 12 * HOUR)),
        ("2ms", Length(0, 2_000_000)),
        ("1D12h", Length(0, 36 * HOUR)),
        ("2W", Length(0, 14 * DAY)),
        ("1W-TUE", Length(0, 7 * DAY)),
        ("1ME", Length(1, 0)),
        ("2MS", Length(2, 0)),
        ("1QE-JAN", Length(3, 0)),
        ("2YE", Length(24, 0)),
        ("P1Y2M3DT4H", Length(14, 3 * DAY + 4 * HOUR)),
        (pd.DateOffset(months=1), Length(1, 0)),
        (pd.DateOffset(years=1, months=1, days=2), Length(13, 2 * DAY)),
        (2 * pd.DateOffset(months=1, hours=1), Length(2, 2 * HOUR)),
        (pd.DateOffset(3), Length(0, 3 * DAY)),
        (pd.offsets.MonthBegin(2), Length(2, 0)),
        (pd.offsets.QuarterEnd(1), Length(3, 0)),
        ("1QS", Length(3, 0)),
        (pd.offsets.YearEnd(1), Length(12, 0)),
        (pd.offsets.Week(1, weekday=2), Length(0, 7 * DAY)),
        (pd.offsets.Day(2), Length(0, 2 * DAY)),
        (pd.offsets.Hour(3), Length(0, 3 * HOUR)),
        (np.timedelta64(2, "M"), Length(2, 0)),
        (np.timedelta64(1, "Y"), Length(12, 0)),
        (dt.timedelta(hours=1), Length(0, HOUR)),
    ],
)
def test_a_length_is_months_of_the_calendar_and_then_fixed_time(value, expected):
    assert parse_length(value) == expected
    assert parse_length(expected.iso()) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("ME", "not a length of time with a unit"),
        ("D", "not a length of time with a unit"),
        ("5.0", "not a length of time with a unit"),
        (5.5, "not a length of time with a unit"),
        (
            "1M",
            "unknown unit; a minute is '1min', a month '1ME', a quarter '1QE', a year '1YE'",
        ),
        ("1D -2h", "its parts have different signs"),
        (pd.DateOffset(months=1, days=-3), "its parts have different signs"),
        (pd.DateOffset(month=2), "month= sets a field of the date instead of moving it"),
        (
            "5B",
            "neither a fixed length nor whole months; for business days pass an int, which counts "
            "the timestamps there are",
        ),
        (np.timedelta64("NaT"), "not a time"),
    ],
)
def test_what_is_no_length_is_refused_with_the_reason(value, reason):
    with pytest.raises(SplitError) as caught:
        read_duration(value, "test", "aware")
    assert str(caught.value) == (
        f"test={value!r} is not a duration ({reason}). Pass a length of time such as '30D' or "
        f"pd.Timedelta(days=30), or an int: so many distinct times."
    )


def test_months_of_numbers_and_months_back_are_refused():
    with pytest.raises(SplitError, match="'1ME' is a length of time, but the times are numbers"):
        read_duration("1ME", "gap", "number")
    with pytest.raises(SplitError) as caught:
        read_duration(pd.DateOffset(months=-1), "gap", "aware")
    assert str(caught.value) == "gap=<DateOffset: months=-1> is negative; pass 0 or more."


@pytest.mark.parametrize("months", [1, -1, 12, -13])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_moving_by_months_is_what_pandas_does(months, tz):
    moments = pd.date_range("2019-11-28 05:30", periods=200, freq="36h", tz=tz)
    expected = moments + pd.DateOffset(months=months)
    moved = shift_months(moments.as_unit("ns").asi8, months, moments.tz)
    assert moved.tolist() == expected.as_unit("ns").asi8.tolist()


def test_months_are_counted_from_the_anchor_at_once_so_that_they_do_not_drift():
    end = pd.Timestamp("2020-03-31", tz="UTC").value
    month = Duration(0, "ns", months=1)
    at_once = Axis(np.array([end])).back(end, month, Duration(0, "ticks"), month)
    assert pd.Timestamp(at_once, tz="UTC") == pd.Timestamp("2020-01-31", tz="UTC")


@pytest.mark.parametrize("by", [Duration(600 * 365 * DAY // 2, "ns"), Duration(0, "ns", 6000)])
def test_a_length_that_leads_out_of_the_axis_is_refused_instead_of_wrapped_around(by):
    with pytest.raises(SplitError, match="leads out of the years 1678 to 2261"):
        shift(np.array([0]), by)


FRAME = pd.DataFrame({"t": pd.to_datetime(["2020-01-31", "2020-02-10"]), "x": [0, 0]})


def read(data, end_time):
    return read_spans(data, time="t", times=None, end_time=end_time, end_times=None)


@pytest.mark.parametrize("end_time", ["1ME", pd.DateOffset(months=1), pd.offsets.MonthBegin(1)])
def test_labels_may_be_known_a_month_later_and_windows_open_a_month_earlier(end_time):
    spans = read(FRAME, end_time)
    assert [spans.end.show(row)[:10] for row in (0, 1)] == ["2020-02-29", "2020-03-10"]
    opened = read_window_starts(FRAME, spans.start, end_time)
    assert [opened.show(row)[:10] for row in (0, 1)] == ["2019-12-31", "2020-01-10"]


def test_a_text_is_a_length_only_where_no_column_has_that_name():
    assert read(FRAME, "2D").end.show(0) == "2020-02-02T00:00:00Z"
    named = FRAME.assign(**{"2D": pd.to_datetime("2021-01-01")})
    assert read(named, "2D").end.show(0) == "2021-01-01T00:00:00Z"


def test_a_horizon_of_nothing_is_refused_with_the_word_for_it():
    with pytest.raises(SplitError) as caught:
        read(FRAME, "0D")
    assert str(caught.value) == (
        "end_time='0D' is no time at all. Say end_time='point' if a label is known at the very "
        "time of its row, or pass how long after it."
    )


def test_the_months_are_those_of_the_time_zone_of_the_times():
    local = pd.DataFrame({"t": pd.to_datetime(["2020-03-01"]).tz_localize("Asia/Tokyo")})
    assert read(local, "1ME").end.show(0) == "2020-03-31T15:00:00Z"  # the 1st of April there


def test_a_plan_tells_a_calendar_length_so_that_it_can_be_read_back():
    assert plain_value(pd.DateOffset(months=1, days=2)) == "P1M2DT0H0M0S"
    assert plain_value(pd.offsets.MonthEnd(1)) == "P1M0DT0H0M0S"


class Touching:
    """A splitter that knows an embargo, and does not keep it."""

    def __init__(self, embargo):
        self.embargo = embargo

    def split(self, X, y=None, groups=None):
        yield [0, 1, 6, 7], [3, 4]


@pytest.mark.parametrize(
    "embargo",
    [3, np.int64(3), "3D", np.timedelta64(3, "D"), pd.offsets.Day(3), pd.DateOffset(months=1)],
)
def test_an_embargo_is_checked_however_it_was_written(embargo):
    days = pd.date_range("2026-01-01", periods=8, tz="UTC")
    proof = check_split(Touching(embargo), times=days, end_times="point")
    assert [name for name, result in proof.table[0].items() if isinstance(result, Violated)] == [
        "E1"
    ]


def test_months_of_an_embargo_are_those_of_the_zone_also_when_read_back(tmp_path):
    hours = pd.DataFrame(
        {"t": pd.date_range("2025-12-31", periods=2000, freq="h", tz="Asia/Tokyo")}
    )
    plan = make_plan(PurgedKFold(3, time="t", end_time="point", embargo="P1M"), hours)
    plan.save(tmp_path / "plan.npz")
    for one in (plan, SplitPlan.load(tmp_path / "plan.npz")):
        assert check_split(one).verdict == "proved"
        assert str(one.row_spans.start.tz) == "Asia/Tokyo"
