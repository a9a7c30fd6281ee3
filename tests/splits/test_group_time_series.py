"""GroupTimeSeriesSplit against a brute-force oracle, against TimeSeriesSplit, and its refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from repro.errors import SplitError
from repro.splits import GroupTimeSeriesSplit

rows = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 6), st.sampled_from("abcdef")),
    min_size=4,
    max_size=60,
)
lengths = st.fixed_dictionaries(
    {
        "test": st.integers(1, 8),
        "step": st.none() | st.integers(1, 8),
        "gap": st.none() | st.integers(0, 4),
        "train": st.none() | st.integers(1, 15),
    }
)
policies = st.sampled_from(["ignore", "disjoint", "unseen"])


def oracle_fold(day, end, group, first, lengths, policy):
    """One window [first, first + test) by definition: (train, test) lists of row numbers."""
    cutoff = first - (lengths["gap"] or 0)
    since = -1000 if lengths["train"] is None else cutoff - lengths["train"]
    everyone = range(len(day))
    train = [i for i in everyone if since <= day[i] and end[i] < cutoff]
    test = [i for i in everyone if first <= day[i] < first + lengths["test"]]
    in_train, in_test = {group[i] for i in train}, {group[i] for i in test}
    if policy == "disjoint":
        train = [i for i in train if group[i] not in in_test]
    if policy == "unseen":
        test = [i for i in test if group[i] not in in_train]
    return train, test


def split_days(cv, day, end, group):
    X = pd.DataFrame({"t": pd.to_timedelta(day, "D") + pd.Timestamp("2020"), "g": group})
    ends = pd.to_timedelta(end, "D") + pd.Timestamp("2020")
    folds = cv.split(X, groups=X["g"], end_times=ends)
    return [(train.tolist(), test.tolist()) for train, test in folds]


def in_days(lengths):
    return {
        name: None if days is None else pd.Timedelta(days=days) for name, days in lengths.items()
    }


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(rows, lengths, policies, st.integers(1, 3))
def test_folds_are_those_of_the_definition(rows, lengths, policy, n_splits):
    day, spread, group = (np.array(column) for column in zip(*rows, strict=True))
    end = day + spread
    step = lengths["step"] or lengths["test"]
    firsts = [day.max() + 1 - lengths["test"] - k * step for k in reversed(range(n_splits))]
    expected = [oracle_fold(day, end, group, first, lengths, policy) for first in firsts]
    window = "expanding" if lengths["train"] is None else "rolling"
    cv = GroupTimeSeriesSplit(
        n_splits,
        time="t",
        end_time=None,
        window=window,
        groups_policy=policy,
        **in_days(lengths),
    )
    if not all(train and test for train, test in expected):
        with pytest.raises(SplitError):
            split_days(cv, day, end, group)
        return
    assert split_days(cv, day, end, group) == expected


@pytest.mark.parametrize("n_rows", [10, 11, 23])
@pytest.mark.parametrize("n_splits", [2, 3, 4])
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {"test": None}),
        ({"gap": 1}, {"test": None, "gap": 1}),
        (
            {"test_size": 2, "gap": 1, "max_train_size": 3},
            {"test": 2, "gap": 1, "train": 3, "window": "rolling"},
        ),
    ],
)
def test_point_labels_at_unique_sorted_times_give_the_folds_of_time_series_split(
    n_rows, n_splits, theirs, ours
):
    X = np.zeros((n_rows, 1))
    cv = GroupTimeSeriesSplit(n_splits, end_time="point", **ours)
    found = list(cv.split(X, times=np.arange(n_rows)))
    expected = list(TimeSeriesSplit(n_splits, **theirs).split(X))
    assert len(found) == len(expected) == n_splits
    for ours_fold, theirs_fold in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours_fold[0], theirs_fold[0])
        np.testing.assert_array_equal(ours_fold[1], theirs_fold[1])


def folds(times, groups=None, **parameters):
    cv = GroupTimeSeriesSplit(**{"end_time": "point", **parameters})
    found = cv.split(np.zeros((len(times), 1)), groups=groups, times=times)
    return [(train.tolist(), test.tolist()) for train, test in found]


def test_without_n_splits_all_windows_with_enough_training_rows_are_taken():
    assert folds(range(7), test=2, min_train=3) == [
        ([0, 1, 2], [3, 4]),
        ([0, 1, 2, 3, 4], [5, 6]),
    ]
    assert (
        GroupTimeSeriesSplit(test=2, end_time="point", min_train=3).get_n_splits(
            np.zeros((7, 1)), times=range(7)
        )
        == 2
    )


def test_anchored_at_the_start_the_first_window_follows_the_first_training_period():
    assert folds(range(8), test=3, anchor="start") == [([0, 1, 2], [3, 4, 5])]
    assert folds(range(8), test=2, train=3, window="rolling", anchor="start", gap=1) == [
        ([0, 1, 2], [4, 5]),
        ([2, 3, 4], [6, 7]),
    ]


def test_anchored_at_the_start_a_full_last_day_counts_as_a_full_window():
    days = pd.date_range("2020-01-01", periods=6, tz="UTC")
    assert folds(days, test="2D", anchor="start") == [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])]
    assert folds(days[:5], test="2D", anchor="start") == [([0, 1], [2, 3])]


def test_a_window_in_hours_may_step_from_timestamp_to_timestamp():
    days = pd.date_range("2020-01-01", periods=4)
    parameters = {"test": "1h", "step": 1, "train": 1, "window": "rolling", "anchor": "start"}
    assert folds(days, **parameters) == [([0], [1]), ([1], [2]), ([2], [3])]


def test_thirty_days_of_daily_rows_are_thirty_rows():
    days = pd.date_range("2020-01-01", periods=70)
    [(train, test)] = folds(days, n_splits=1, test="30D")
    assert (len(train), len(test)) == (40, 30)


def test_rows_of_one_timestamp_are_never_separated():
    assert folds([0, 1, 1, 1, 2], n_splits=2, test=1) == [([0], [1, 2, 3]), ([0, 1, 2, 3], [4])]


def test_a_label_that_is_not_known_before_the_window_is_not_trained_on():
    cv = GroupTimeSeriesSplit(1, test=1, end_time=None)
    [(train, _)] = cv.split(np.zeros((4, 1)), times=range(4), end_times=[0, 3, 2, 4])
    assert train.tolist() == [0, 2]


def test_disjoint_takes_the_groups_of_the_window_out_of_training():
    groups = list("abcab")
    assert folds(range(5), groups, n_splits=1, test=2, groups_policy="disjoint") == [([2], [3, 4])]


def test_unseen_tests_only_on_groups_that_training_never_saw():
    groups = list("abbac")
    assert folds(range(5), groups, n_splits=1, test=2, groups_policy="unseen") == [([0, 1, 2], [4])]


REFUSALS = {
    "unknown window": (
        {"window": "sliding"},
        "window='sliding' is unknown; choose 'expanding' or 'rolling'.",
    ),
    "unknown policy": (
        {"groups_policy": "keep"},
        "groups_policy='keep' is unknown; choose 'ignore' or 'disjoint' or 'unseen'.",
    ),
    "unknown anchor": (
        {"anchor": "middle"},
        "anchor='middle' is unknown; choose 'end' or 'start'.",
    ),
    "no splits": ({"n_splits": 0}, "n_splits=0 must be a whole number, 1 or more."),
    "neither": (
        {"n_splits": None, "test": None},
        "test=None divides the timestamps by n_splits. Pass n_splits=.",
    ),
    "rolling without length": (
        {"window": "rolling"},
        "window='rolling' needs the length of the window. Pass train='90D'.",
    ),
    "length without rolling": (
        {"train": 5},
        "train=5 has no meaning with window='expanding', which trains on all of the past. Pass "
        "window='rolling', or leave train= out.",
    ),
    "no groups": (
        {"groups_policy": "unseen"},
        "groups_policy='unseen' needs groups. Pass groups= to split(), or say "
        "groups_policy='ignore'.",
    ),
    "missing group": (
        {"groups_policy": "unseen", "groups": ["a", None, "b", None, "c", "d"]},
        "groups is missing in 2 of 6 rows, first in row 1. Drop these rows, or give each its own "
        "value.",
    ),
    "days of numbers": (
        {"test": "30D"},
        "test='30D' is a length of time, but the times are numbers. Pass an int: so many distinct "
        "times.",
    ),
    "no length": ({"test": 0}, "test=0 is no time at all; pass more."),
    "no step": ({"step": 0}, "step=0 is no time at all; pass more."),
    "too many": (
        {"n_splits": 6, "test": None},
        "n_splits=6 needs 7 distinct times, X has 6. Ask for fewer splits.",
    ),
    "do not fit": (
        {"n_splits": 4, "test": 2},
        "n_splits=4 test windows do not fit, 2 do. Ask for fewer splits, or shorten test= or "
        "step=.",
    ),
    "too little to train on": (
        {"n_splits": 2, "test": 2, "min_train": 3},
        "fold 0, test window [2, 4), has 2 training rows, min_train=3. Ask for fewer splits, or "
        "shorten test=, gap= or the labels.",
    ),
    "every group in every window": (
        {"n_splits": 1, "test": 3, "groups_policy": "disjoint", "groups": list("abcabc")},
        "fold 0, test window [3, 6), has 0 training rows, min_train=1. Ask for fewer splits, or "
        "shorten test=, gap= or the labels. groups_policy='disjoint' leaves out the groups of the "
        "test window: all of them, if every group is in every window. Then take finer groups, or "
        "'ignore'.",
    ),
    "none has enough": (
        {"n_splits": None, "test": 2, "min_train": 5},
        "no test window of length test=2 has 5 training rows before it. Shorten test=, gap= or "
        "the labels, or bring more rows.",
    ),
    "empty test": (
        {"n_splits": 1, "test": 2, "groups_policy": "unseen", "groups": list("aabbaa")},
        "fold 0, test window [4, 6), has no test rows (groups_policy='unseen'). Take a longer "
        "test=, or other groups.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_split_refuses_before_the_first_fold(case):
    given, message = REFUSALS[case]
    parameters = {"n_splits": 1, "test": 2, "end_time": "point", **given}
    groups = parameters.pop("groups", None)
    cv = GroupTimeSeriesSplit(**parameters)
    with pytest.raises(SplitError) as caught:
        cv.split(np.zeros((6, 1)), groups=groups, times=range(6))
    assert str(caught.value) == message


def test_a_hole_in_the_calendar_is_not_a_test_window():
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-09"])
    with pytest.raises(SplitError) as caught:
        folds(days, n_splits=2, test="2D")
    assert str(caught.value) == (
        "fold 0, test window [2020-01-05T00:00:00.000000001Z, 2020-01-07T00:00:00.000000001Z), "
        "has no test rows (groups_policy='ignore'). Take a longer test=, or other groups."
    )


def test_more_windows_than_timestamps_are_refused_instead_of_counted_for_ever():
    days = pd.date_range("2020-01-01", periods=5)
    for anchor in ("end", "start"):
        with pytest.raises(SplitError) as caught:
            folds(days, test=pd.Timedelta(5), anchor=anchor)
        assert str(caught.value) == (
            "there are more test windows than the 5 distinct times. Take a longer step= or test=."
        )


def test_the_number_of_splits_needs_data_when_it_was_not_said():
    with pytest.raises(SplitError) as caught:
        GroupTimeSeriesSplit(end_time="point").get_n_splits()
    assert str(caught.value) == (
        "the number of windows depends on the data. Pass X to get_n_splits(), or n_splits=."
    )
