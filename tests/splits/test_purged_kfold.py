"""PurgedKFold against a brute-force oracle, against KFold, and its refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import PurgedKFold

rows = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8), st.integers(0, 6)), min_size=4, max_size=60
)


def oracle_folds(t0, t1, f0, n_splits, embargo):
    """The definition, pair by pair: (train, test) lists of row numbers."""
    ticks = sorted(set(t0))
    everyone = range(len(t0))
    for block in np.array_split(np.array(ticks), n_splits):
        test = [j for j in everyone if t0[j] in block]
        sealed = max(t1[j] for j in test)
        later = [tick for tick in ticks if tick > sealed][:embargo]
        train = [
            i
            for i in everyone
            if i not in test
            and not any(t0[i] <= t1[j] and t0[j] <= t1[i] for j in test)
            and t0[i] not in later
            and not any(t0[j] < t0[i] and t1[j] >= f0[i] and t1[j] > t0[j] for j in test)
        ]
        yield train, test


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(rows, st.integers(2, 5), st.integers(0, 3), st.booleans())
def test_folds_are_those_of_the_definition(rows, n_splits, embargo, has_windows):
    t0, lengths, looks = (np.array(column) for column in zip(*rows, strict=True))
    t1, f0 = t0 + lengths, t0 - (looks if has_windows else 0)
    X = pd.DataFrame({"t": t0, "end": t1, "open": f0})
    cv = PurgedKFold(
        n_splits, time="t", end_time="end", feature_start="open", embargo=embargo or None
    )
    too_few = len(set(t0)) < n_splits
    expected = [] if too_few else list(oracle_folds(t0, t1, f0, n_splits, embargo))
    if too_few or not all(train for train, _ in expected):
        with pytest.raises(SplitError):
            cv.split(X)
        return
    found = [(train.tolist(), test.tolist()) for train, test in cv.split(X)]
    assert found == expected


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
