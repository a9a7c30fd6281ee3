"""PurgedKFold against KFold and by example, and its refusals; see also test_split_oracle."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import PurgedKFold


@pytest.mark.parametrize(("n_rows", "n_splits"), [(10, 2), (11, 3), (23, 5), (7, 7)])
def test_point_labels_at_unique_sorted_times_give_the_folds_of_kfold(n_rows, n_splits):
    X = np.zeros((n_rows, 1))
    ours = PurgedKFold(n_splits, end_time="point").split(X, times=np.arange(n_rows))
    for found, expected in zip(ours, KFold(n_splits).split(X), strict=True):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def fold(cv, number=0, **columns):
    return [side.tolist() for side in list(cv.split(pd.DataFrame(columns)))[number]]


def test_rows_of_one_timestamp_are_never_separated():
    cv = PurgedKFold(2, time="t", end_time="point")
    assert fold(cv, t=[1, 2, 2, 2, 2]) == [[1, 2, 3, 4], [0]]


def test_purging_removes_rows_whose_label_reaches_into_the_test_block():
    cv = PurgedKFold(2, time="t", end_time="end")
    assert fold(cv, 1, t=[0, 1, 2, 3], end=[1, 2, 3, 4]) == [[0], [2, 3]]


def test_touching_spans_meet_unless_closed_left():
    columns = {"t": [0, 1, 2, 3], "end": [1, 2, 3, 4]}
    assert fold(PurgedKFold(2, time="t", end_time="end"), 0, **columns)[0] == [3]
    half_open = PurgedKFold(2, time="t", end_time="end", closed="left")
    assert fold(half_open, 0, **columns)[0] == [2, 3]


def test_a_timed_embargo_begins_after_the_last_label_of_the_block():
    days = pd.to_datetime([f"2020-01-0{day}" for day in range(1, 9)])
    cv = PurgedKFold(2, time="t", end_time=pd.Timedelta("1D"), embargo="2D")
    assert fold(cv, 0, t=days)[0] == [7]  # labels end on the 5th: the 6th and 7th are embargoed


def test_an_int_embargo_counts_timestamps_not_rows():
    cv = PurgedKFold(2, time="t", end_time="point", embargo=1)
    assert fold(cv, 0, t=[0, 1, 5, 5, 5, 9])[0] == [5]


def test_a_feature_window_that_reaches_back_into_a_test_label_is_purged():
    columns = {"t": [0, 1, 2, 3], "end": [0, 1, 2, 3], "open": [0, 1, 1, 2]}
    columns["end"][1] = 1
    spread = {**columns, "end": [1, 1, 2, 3]}
    cv = PurgedKFold(2, time="t", end_time="end", feature_start="open")
    assert fold(cv, 0, **columns)[0] == [2, 3]  # a point label is known at once
    assert fold(cv, 0, **spread)[0] == [3]


REFUSALS = {
    "n_splits=1": (
        {"n_splits": 1, "end_time": "point"},
        "n_splits=1 must be a whole number, 2 or more.",
    ),
    "n_splits=True": (
        {"n_splits": True, "end_time": "point"},
        "n_splits=True must be a whole number, 2 or more.",
    ),
    "min_train=0": (
        {"min_train": 0, "end_time": "point"},
        "min_train=0 must be a whole number, 1 or more.",
    ),
    "closed=right": (
        {"closed": "right", "end_time": "point"},
        "closed='right' is unknown; choose 'both' or 'left'.",
    ),
    "too few times": (
        {"n_splits": 5, "end_time": "point"},
        "n_splits=5 needs 5 distinct times, X has 4 in 5 rows. Ask for fewer splits.",
    ),
    "nothing to train on": (
        {"n_splits": 2, "end_time": "end", "min_train": 2},
        "fold 1 keeps 1 training rows, min_train=2. Ask for fewer splits, shorten the labels or "
        "the embargo, or bring more rows.",
    ),
    "no end": (
        {"end_time": None},
        "times are given but nothing says when each label is known. Pass end_time= (a column or "
        "a horizon such as pd.Timedelta(days=5)) or end_times=, or say end_time='point' if a "
        "label is known at the very time of its row.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_split_refuses_before_the_first_fold(case):
    parameters, message = REFUSALS[case]
    X = pd.DataFrame({"t": [0, 1, 2, 3, 3], "end": [1, 2, 3, 4, 4]})
    with pytest.raises(SplitError) as caught:
        PurgedKFold(time="t", **parameters).split(X)
    assert str(caught.value) == message


def test_end_time_must_be_said():
    with pytest.raises(TypeError, match="end_time"):
        PurgedKFold(3, time="t")
