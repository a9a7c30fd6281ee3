"""temporal_holdout: three parts, apart in time, labels and groups."""

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits import check_split, temporal_holdout

DAYS = pd.DataFrame({"t": pd.date_range("2024-01-01", "2024-04-30", tz="UTC")})


def spread(times, rows):
    return [f"{times.iloc[rows].min():%m-%d}", f"{times.iloc[rows].max():%m-%d}"]


def test_the_last_months_test_and_validate_and_labels_are_known_before_each_begins():
    parts = temporal_holdout(
        DAYS, time="t", valid="1ME", test="1ME", gap="1D", end_time=pd.Timedelta("2D")
    )
    assert spread(DAYS["t"], parts.test) == ["04-01", "04-30"]
    assert spread(DAYS["t"], parts.valid) == ["02-29", "03-28"]
    assert spread(DAYS["t"], parts.train) == ["01-01", "02-25"]


def test_parts_are_the_same_rows_in_any_order_and_from_any_source_of_times():
    order = np.random.default_rng(0).permutation(len(DAYS))
    shuffled = DAYS.iloc[order]
    named = temporal_holdout(DAYS, time="t", end_time="3D")
    for time in ("t", DAYS["t"], shuffled["t"].array):
        parts = temporal_holdout(shuffled, time=time, end_time="3D")
        for name in ("train", "valid", "test"):
            found = getattr(parts, name)
            assert (np.diff(found) > 0).all()
            assert set(order[found]) == set(getattr(named, name))


def test_ties_stay_together_and_an_int_counts_timestamps():
    times = np.repeat(np.arange(6), 2)
    parts = temporal_holdout(np.zeros(12), time=times, valid=1, test=2, end_time="point")
    assert parts.train.tolist() == [0, 1, 2, 3, 4, 5]
    assert parts.valid.tolist() == [6, 7]
    assert parts.test.tolist() == [8, 9, 10, 11]


PANEL = pd.DataFrame({"t": [0, 0, 0, 1, 1, 1, 2, 2, 2], "g": list("abcadeabf")})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ignore", ([0, 1, 2], [3, 4, 5], [6, 7, 8])),
        ("disjoint", ([2], [4, 5], [6, 7, 8])),
        ("unseen", ([0, 1, 2], [4, 5], [8])),
    ],
)
def test_groups_are_apart_as_the_policy_wants(policy, expected):
    parts = temporal_holdout(
        PANEL, time="t", valid=1, test=1, end_time="point", groups="g", groups_policy=policy
    )
    assert tuple(part.tolist() for part in (parts.train, parts.valid, parts.test)) == expected


@pytest.mark.parametrize("policy", ["disjoint", "unseen"])
def test_its_plan_is_proved_with_labels_and_groups(policy):
    data = DAYS.assign(end=DAYS["t"] + pd.to_timedelta(np.arange(len(DAYS)) % 7, "D"))
    groups = np.arange(len(DAYS)) // 25
    parts = temporal_holdout(
        data,
        time="t",
        valid="20D",
        test="30D",
        end_time="end",
        groups=groups,
        groups_policy=policy,
    )
    plan = parts.plan()
    assert [len(side) for side in plan.fold(1)] == [
        len(parts.train) + len(parts.valid),
        len(parts.test),
    ]
    assert check_split(plan).verdict == "proved"
    assert plan.parameters["groups_policy"] == policy


REFUSALS = {
    "no training rows": (
        {"valid": "60D", "test": "80D"},
        "train is left without rows; the times reach from 2024-01-01T00:00:00Z to "
        "2024-04-30T00:00:00Z. Shorten valid=, test=, gap= or the labels, or bring more rows.",
    ),
    "labels reach into the test": (
        {"valid": "2D", "end_time": "5D"},
        "valid is left without rows; the times reach from 2024-01-01T00:00:00Z to "
        "2024-04-30T00:00:00Z. Shorten valid=, test=, gap= or the labels, or bring more rows.",
    ),
    "one group": (
        {"groups": ["a"] * len(DAYS)},
        "train is left without rows; the times reach from 2024-01-01T00:00:00Z to "
        "2024-04-30T00:00:00Z. Shorten valid=, test=, gap= or the labels or the groups "
        "(groups_policy='disjoint'), or bring more rows.",
    ),
    "no end": (
        {"end_time": None},
        "nothing says when each label is known. Pass end_time= (a column, an array, or a "
        "horizon such as pd.Timedelta(days=5)), or say end_time='point' if a label is known "
        "at the very time of its row.",
    ),
    "too long": (
        {"test": "200D"},
        "the test window holds all rows; the times reach from 2024-01-01T00:00:00Z to "
        "2024-04-30T00:00:00Z. Shorten test=, or bring more rows.",
    ),
    "no length": ({"test": "0D"}, "test='0D' is no time at all; pass more."),
    "no policy": (
        {"groups_policy": "some"},
        "groups_policy='some' is unknown; choose 'ignore' or 'disjoint' or 'unseen'.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_holdout_that_cannot_be_is_refused_with_the_value_and_the_fix(case):
    given, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        temporal_holdout(DAYS, **{"time": "t", "end_time": "point", **given})
    assert str(caught.value) == message
