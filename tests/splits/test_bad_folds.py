"""The certificate against folds made by hand: each bad one with the conditions that it violates.

Twelve visits, one a day; the label of a visit is known one day later. Every patient comes twice in
a row, the wards take turns. Visit 11 is a copy of visit 0 with the other outcome, visit 10 a copy
of visit 1 with the same one.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from repro.splits import GroupTimeSeriesSplit, PurgedKFold, Violated, check_split, make_plan

DAYS = pd.date_range("2020-01-01", periods=12, tz="UTC")
VISITS = pd.DataFrame(
    {
        "day": DAYS,
        "known": DAYS + pd.Timedelta("1D"),
        "patient": list("aabbccddeeff"),
        "ward": list("xyz" * 4),
        "pulse": [60, 71, 65, 80, 77, 69, 90, 58, 62, 74, 71, 60],
    },
    index=[f"visit-{i}" for i in range(12)],
)
ILL = np.array([True, True, False, True, False, True, False, True, False, False, True, False])
PULSE = VISITS[["pulse"]]  # nothing but content
TIMED = {"times": "day", "end_times": "known"}
NUMBERED = {"times": list(range(12)), "end_times": "point"}
SHUFFLED = VISITS.iloc[np.random.default_rng(0).permutation(12)]
PURGED = PurgedKFold(3, time="day", end_time="known")
FIRST_HALF, SECOND_HALF = list(range(6)), list(range(6, 12))


def fit_after_scaling_all(train):
    """A pipeline whose scaler saw all rows; the model saw those of the fold."""
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(PULSE, ILL)
    model[-1].fit(model[0].transform(PULSE)[train], ILL[train])
    return model


# What is wrong: the conditions violated, no others; the folds; what is said about the data.
BAD = {
    "train is empty": ("V1", [([], [0, 1])], {}),
    "test is empty": ("V1", [([0, 1], np.empty(0, dtype=int))], {}),
    "a row beyond the data": ("V1", [([0, 1], [8, 12])], {}),
    "a row counted from the end": ("V1", [([0, 1, -1], [8])], {}),
    "a row twice in train": ("V1", [([0, 1, 1], [8])], {}),
    "shares of rows": ("V1", [([0.0, 0.5], [8])], {}),
    "a mask of other data": ("V1", [([True, False] * 5, [8])], {}),
    "a visit that X does not have": ("V1", [(VISITS[:3], VISITS[6:].rename({"visit-7": "x"}))], {}),
    "a class that only the test has": ("V2", KFold(2), {"y": list("sssssstttttt")}),
    "a required ward without a test row": (
        "V2",
        [([0, 1, 2], [6, 7])],
        {"y": VISITS["ward"], "required": ["z"]},
    ),
    "a required group without a train row": (
        "V2",
        [([0, 1], [4, 5])],
        {"groups": "patient", "required": ["c"]},
    ),
    "too few rows to train": ("V3", TimeSeriesSplit(3), {"min_train": 4, "policy": "exchangeable"}),
    "too few rows to test": ("V3", [(FIRST_HALF, [10])], {"min_test": 2}),
    "a row on both sides": ("B0", [([0, 1, 2], [2, 3])], {}),
    "a visit in both tables": ("B0", [(VISITS[:6], VISITS[5:8])], {"X": None}),
    "training on the future": (
        "T1",
        [(SECOND_HALF, [0, 1, 2, 3])],
        {**TIMED, "policy": "walk_forward"},
    ),
    "training at the moment of the test": (
        "T1 P1",
        [([0, 1, 2, 3], [4, 5])],
        {**NUMBERED, "times": [0, 1, 2, 4, *range(4, 12)], "policy": "walk_forward"},
    ),
    "a shuffled split over time": ("P1", KFold(3, shuffle=True, random_state=0), TIMED),
    "folds by position of rows out of order": ("P1", KFold(3), {**TIMED, "X": SHUFFLED}),
    "a label known on the first day of the test": ("P1", [([0, 1, 2, 3], [4, 5])], TIMED),
    "a test label known when training starts": ("P1", [([5, 6, 7], [2, 3, 4])], TIMED),
    "a label that began far back": (
        "P1",
        [([0, 1], [8, 9])],
        {**NUMBERED, "end_times": [8, *range(1, 12)]},
    ),
    "touching labels that count as apart": (
        "P1",
        PurgedKFold(3, time="day", end_time="known", closed="left"),
        {"closed": "both"},
    ),
    "a rolling mean that reaches into the test": (
        "F1",
        PURGED,
        {"feature_start": pd.Timedelta("4D")},
    ),
    "no embargo behind the test": ("E1", PURGED, {"embargo": "2D"}),
    "no embargo behind the first of two test blocks": (
        "E1",
        [([0, 4, 10, 11], [1, 2, 7])],
        {**NUMBERED, "embargo": 2},
    ),
    "a patient on both sides": ("G1", [([0, 1, 2], [3, 4])], {"groups": "patient"}),
    "a ward that is trained and tested": ("G1", KFold(4), {"groups": "ward"}),
    "a copied visit": (
        "D1",
        [(FIRST_HALF, [9, 10])],
        {"X": PULSE, "y": ILL, "duplicates": "forbid"},
    ),
    "a copy with another outcome": (
        "D1",
        [(FIRST_HALF, [9, 11])],
        {"X": PULSE, "y": ILL, "duplicates": "features"},
    ),
    "a row that two folds test": ("O1", [([0, 1], [6, 7]), ([0, 1], [7, 8])], {}),
    "tests of one model each": (
        "O1",
        RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
        {"tests_overlap": False},
    ),
    "another split at every call": ("R1", ShuffleSplit(2, test_size=0.5), {}),
    "a scaler fitted on all rows": (
        "S1",
        [(FIRST_HALF, SECOND_HALF)],
        {"X": PULSE, "y": ILL, "estimators": [fit_after_scaling_all(FIRST_HALF)]},
    ),
}

# Why it is clean: the conditions that are demanded of it, all proved.
CLEAN = {
    "two-sided folds, purged": ("B0 P1 R1", PURGED, {}),
    "purged, under embargo, blind windows": (
        "P1 F1 E1",
        PurgedKFold(
            3, time="day", end_time="known", embargo="1D", feature_start=pd.Timedelta("1D")
        ),
        {},
    ),
    "purged rows out of order": ("P1 R1", PURGED, {"X": SHUFFLED}),
    "a plan of it": ("P1 R1", make_plan(PURGED, VISITS), {"X": None}),
    "windows that walk forward": (
        "T1 P1 O1",
        GroupTimeSeriesSplit(3, time="day", end_time="known", test=2),
        {},
    ),
    "a gap as long as the labels": ("T1 P1", TimeSeriesSplit(3, gap=1), TIMED),
    "touching labels, half open": ("P1", [([0, 1, 2, 3], [4, 5])], {**TIMED, "closed": "left"}),
    "two test blocks, purged": ("P1 E1", [([0, 5, 11], [2, 3, 8])], {**NUMBERED, "embargo": 1}),
    "whole patients": ("G1 O1", GroupKFold(3), {"groups": "patient"}),
    "one ward at a time": ("G1", LeaveOneGroupOut(), {"groups": "ward"}),
    "every class on both sides": ("V2", StratifiedKFold(2), {"y": ILL, "required": [True]}),
    "rows without times": ("V1 B0 R1", KFold(3, shuffle=True, random_state=0), {}),
    "drawn again from one seed": ("R1", ShuffleSplit(3, random_state=0), {}),
    "folds by number": ("V1 B0", PredefinedSplit(np.arange(12) % 3), {}),
    "masks": ("V1 B0", [(np.arange(12) < 6, np.arange(12) > 8)], {}),
    "tables": ("V1 P1", [(VISITS[:4], VISITS[6:8])], {**TIMED, "X": None}),
    "no copy on the other side": (
        "D1",
        [([0, 1, 10, 11], [2, 3, 4])],
        {"X": PULSE, "y": ILL, "duplicates": "features"},
    ),
    "a pipeline fitted in the fold": (
        "S1",
        [(FIRST_HALF, SECOND_HALF)],
        {
            "X": PULSE,
            "y": ILL,
            "estimators": [
                make_pipeline(StandardScaler(), LinearRegression()).fit(PULSE[:6], ILL[:6])
            ],
        },
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_fold_violates_these_conditions_and_no_others(case):
    conditions, cv, given = BAD[case]
    proof = check_split(cv, **{"X": VISITS, **given})
    table = proof.table
    found = [name for name in table[0] if any(isinstance(fold[name], Violated) for fold in table)]
    assert (proof.verdict, " ".join(found)) == ("violated", conditions)
    shown = [fold[name] for fold in table for name in found if isinstance(fold[name], Violated)]
    assert all(result.count >= 1 and str(result.witnesses[0]) for result in shown)


@pytest.mark.parametrize("case", CLEAN)
def test_a_clean_fold_is_proved(case):
    conditions, cv, given = CLEAN[case]
    proof = check_split(cv, **{"X": VISITS, **given})
    assert proof.verdict == "proved"
    found = {name: {str(fold[name].outcome) for fold in proof.table} for name in conditions.split()}
    assert found == {name: {"PROVED"} for name in conditions.split()}
