"""Where times come from: polars, time zones, periods, large numbers, and clocks set back."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits import GroupTimeSeriesSplit, PurgedKFold
from repro.splits.labels import read_labels
from repro.splits.spans import read_spans
from repro.splits.times import Axis, Duration, read_times

pl = pytest.importorskip("polars")

NOON = 1_577_880_000_000_000_000  # 2020-01-01T12:00Z


def refusal(call):
    with pytest.raises(SplitError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_polars_times_land_on_the_utc_axis_in_every_unit_and_zone(unit, zone):
    series = pl.Series([dt.datetime(2020, 1, 1, 12)]).cast(pl.Datetime(unit))
    if zone is not None:
        series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    times = read_times(series, "times")
    assert (times.values.tolist(), times.zone) == ([NOON], "aware" if zone else "naive")
    assert (times.tz is not None) == (zone == "Europe/Berlin")


def test_polars_dates_numbers_and_missing_values_are_read_as_such():
    assert read_times(pl.Series([dt.date(1970, 1, 2)]), "t").values.tolist() == [86_400 * 10**9]
    assert read_times(pl.Series([3, 5]), "t").values.tolist() == [3, 5]
    for values in ([dt.datetime(2020, 1, 1), None], [1, None], [dt.date(2020, 1, 1), None]):
        assert "t is missing in 1 of 2 rows, first in row 1" in refusal(
            lambda values=values: read_times(pl.Series(values), "t")
        )


def test_a_polars_frame_splits_like_the_pandas_frame_it_was_made_from():
    days = pd.date_range("2020-01-01", periods=12, tz="Europe/Berlin")
    frame = pd.DataFrame({"t": days, "end": days + pd.Timedelta("1D"), "g": list("abcdef") * 2})
    theirs = pl.DataFrame(
        {
            "t": pl.Series(days.tz_convert("UTC").tz_localize(None).to_numpy())
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone("Europe/Berlin"),
            "end": pl.Series(
                frame["end"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
            ).dt.replace_time_zone("UTC"),
            "g": frame["g"].tolist(),
        }
    )
    cv = GroupTimeSeriesSplit(
        2, time="t", test="3D", end_time="end", groups_policy="disjoint", min_train=1
    )
    for one, other in zip(cv.split(frame, groups="g"), cv.split(theirs, groups="g"), strict=True):
        assert [side.tolist() for side in one] == [side.tolist() for side in other]
    routed = PurgedKFold(3, end_time=None).split(
        theirs["g"], times=theirs["t"], end_times=theirs["end"]
    )
    named = PurgedKFold(3, time="t", end_time="end").split(frame)
    assert [test.tolist() for _, test in routed] == [test.tolist() for _, test in named]


@pytest.mark.parametrize("dtype", ["String", "Categorical", "Enum"])
def test_polars_groups_have_the_names_that_stand_in_them(dtype):
    series = pl.Series(["b", "a", "b"]).cast(pl.Enum(["a", "b"]) if dtype == "Enum" else pl.String)
    series = series.cast(pl.Categorical) if dtype == "Categorical" else series
    labels = read_labels(series, np.zeros(3), "groups")
    assert (labels.codes.tolist(), labels.names) == ([0, 1, 0], ("b", "a"))


def test_missing_polars_groups_are_refused():
    series = pl.Series(["b", None]).cast(pl.Categorical)
    assert "groups is missing in 1 of 2 rows, first in row 1" in refusal(
        lambda: read_labels(series, np.zeros(2), "groups")
    )


def test_a_parameter_without_labels_is_refused_because_rows_of_another_x_stand_elsewhere():
    values = pl.Series([1, 2])
    assert refusal(
        lambda: read_spans(values, time=values, times=None, end_time="point", end_times=None)
    ) == (
        "time= is a Series without labels, and the rows of another X stand elsewhere. Name a "
        "column of X, pass a labelled Series, or hand the values to split()."
    )


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1e300], "1e+300"),
        ([2.0**53], "9007199254740992.0"),
    ],
)
def test_numbers_that_the_axis_cannot_tell_apart_are_refused(values, shown):
    assert refusal(lambda: read_times(values, "t")).startswith(f"t holds {shown}; numbers must be")


def test_whole_numbers_of_any_kind_are_read():
    for values in (np.array([3, 2**61], dtype=np.uint64), np.array([3, 2**61], dtype=object)):
        assert read_times(values, "t").values.tolist() == [3, 2**61]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_years_beyond_the_nanosecond_are_refused_in_every_unit(unit):
    assert "t reaches from 1500-01-01 00:00:00 to 2020-01-01 00:00:00; only the years" in refusal(
        lambda: read_times(np.array(["1500-01-01", "2020-01-01"], dtype=f"M8[{unit}]"), "t")
    )


@pytest.mark.parametrize(
    "values",
    [
        pd.period_range("2020-01", periods=2, freq="M"),
        pd.period_range("2020-01", periods=2, freq="M").astype(object),
    ],
)
def test_periods_are_refused_because_they_begin_and_end(values):
    assert refusal(lambda: read_times(values, "t")) == (
        "t holds periods such as 2020-01, which begin and end. Pass values.start_time as the "
        "times and values.end_time as the end times."
    )


def spans_of(times):
    return read_spans(times, time=None, times=times, end_time="point", end_times=None)


def local(freq, repeats=1, zone="Europe/Berlin", start="2020-10-20", end="2020-10-30"):
    """Wall times without a zone, over a night in which the clock was set back."""
    times = pd.date_range(start, end, freq=freq, tz="UTC").repeat(repeats)
    return times.tz_convert(zone).tz_localize(None)


@pytest.mark.parametrize(
    "times",
    [
        local("1h"),
        local("10min", repeats=3),
        local("15min", zone="America/New_York", end="2020-11-10"),
        local("10min", start="2018-01-01"),
    ],
    ids=["hourly", "panel", "New York", "three autumns"],
)
def test_naive_times_that_go_back_an_hour_at_night_are_refused(times):
    assert "has no time zone and goes back at night, from" in refusal(lambda: spans_of(times))


def test_the_refusal_of_a_clock_set_back_shows_where_and_both_ways_out():
    assert refusal(lambda: spans_of(local("30min", start="2020-10-25"))) == (
        "times has no time zone and goes back at night, from 2020-10-25T02:30:00 in row 1 to "
        "2020-10-25T02:00:00 in the next, as a local clock that is set back. Say where it stands: "
        ".tz_localize('Europe/Berlin', ambiguous='infer'); or, if it is UTC, .tz_localize('UTC')."
    )


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2020-10-20", "2020-10-30", freq="10min"),
        pd.date_range("2020-10-20", "2020-10-30", freq="1h").repeat(2),
        pd.date_range("2020-10-20", "2020-10-30", freq="1h")[::-1],
        pd.DatetimeIndex(np.tile(pd.date_range("2020-10-20", "2020-10-30", freq="1h"), 2)),
        pd.to_datetime(["2020-10-25T02:30:00", "2020-10-25T02:29:55", "2020-10-25T02:31:00"]),
        local("10min") + pd.Timedelta("3D"),
        local("10min") + pd.Timedelta("9h"),
        local("10min").tz_localize("UTC"),
        local("1h")[:1],
    ],
    ids=["utc", "ties", "back", "groups", "jitter", "Wednesday", "noon", "aware", "one row"],
)
def test_naive_times_in_any_other_order_are_taken_as_utc(times):
    assert len(spans_of(times).start.values) == len(times)


def test_counted_rows_take_in_a_whole_timestamp_and_are_never_fewer():
    axis = Axis(np.array([40, 10, 20, 40, 10, 40, 50]))
    two = Duration(2, "rows")
    assert axis.back(axis.after_last, two) == 40  # 4 rows: those of 40 stay together
    assert axis.back(40, two) == 10
    assert axis.back(20, Duration(9, "rows")) == 10
    assert axis.ahead(10, two) == 20
    assert axis.ahead(20, two) == 50
    assert axis.ahead(50, two) == axis.after_last
    assert (axis.count("ticks", 20), axis.count("rows", 20)) == (3, 5)
