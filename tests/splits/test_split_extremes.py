"""Values at the edge of what can be split: each is refused with its fix, or read as meant."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import (
    CombinatorialPurgedKFold,
    GroupTimeSeriesSplit,
    PurgedKFold,
    StratifiedGroupPurgedKFold,
    check_preprocessing,
    nested_splits,
    temporal_holdout,
)
from repro.splits.clock_change import refuse_clock_change
from repro.splits.times import read_times

DAYS = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=20, tz="UTC"), 0: range(20)})
ROWS = np.arange(20)


def _refused(call):
    with pytest.raises(SplitError) as refusal:
        call()
    return str(refusal.value)


def _split(end_time, times, X=None, **parameters):
    cv = PurgedKFold(2, end_time=end_time, **parameters)
    folds = cv.split(np.zeros(20) if X is None else X, times=times)
    return [(train.tolist(), test.tolist()) for train, test in folds]


@pytest.mark.parametrize(
    "value", [-(2**63), 2**63 - 1, 2**62, np.uint64(2**63), 2**70], ids=lambda value: str(value)
)
def test_numbers_whose_arithmetic_would_wrap_around_are_refused(value):
    said = _refused(lambda: read_times([1, value], "times"))
    assert f"{value} in row 1" in said
    assert ("NaT" in said) == (value == -(2**63))


def test_the_largest_numbers_that_are_read_split_like_small_ones():
    large = ROWS + 2**62 - 40
    assert _split(3, large) == _split(3, ROWS) == _split(3, ROWS - 2**62 + 1)


@pytest.mark.parametrize("amount", [2**62, 2**70])
def test_a_count_beyond_every_data_set_is_refused(amount):
    assert "more than any data" in _refused(lambda: _split("point", ROWS, embargo=amount))


def test_an_int_is_a_length_for_times_that_are_numbers():
    assert _split(5, ROWS) == [
        (list(range(15, 20)), list(range(10))),
        (list(range(5)), list(range(10, 20))),
    ]


@pytest.mark.parametrize(
    ("end_time", "times", "said"),
    [
        ("5D", ROWS, "Pass an int in the unit of these numbers"),
        (5, DAYS["t"].to_numpy(), "'5D'"),
        ("1M", DAYS["t"].to_numpy(), "a month '1ME'"),
        ("1B", DAYS["t"].to_numpy(), "business days"),
        ("1.5ME", DAYS["t"].to_numpy(), "is not a duration"),
        ("99999999D", DAYS["t"].to_numpy(), "is not a duration"),
        (pd.NaT, DAYS["t"].to_numpy(), "is not a duration"),
    ],
)
def test_what_is_meant_as_a_length_is_refused_as_one(end_time, times, said):
    assert said in _refused(lambda: _split(end_time, times))


def test_names_that_are_numbers_or_tuples_are_columns_where_x_has_them():
    tuples = pd.DataFrame({("a", "t"): ROWS, ("a", "u"): ROWS})
    expected = _split("point", ROWS)
    assert _split("point", 0, DAYS) == _split("point", ("a", "t"), tuples) == expected
    assert _split("point", tuple(ROWS)) == expected


@pytest.mark.parametrize("times", [set(range(20)), dict.fromkeys(range(20)), 7])
def test_times_without_an_order_of_rows_are_refused(times):
    said = _refused(lambda: _split("point", times))
    assert f"times= is a {type(times).__name__}" in said


def test_a_label_too_late_for_the_embargo_is_named():
    end = DAYS["t"].dt.as_unit("ns")
    end[7] = pd.Timestamp.max.tz_localize("UTC")
    X = DAYS.assign(end=end)
    said = _refused(lambda: list(PurgedKFold(2, time="t", end_time="end", embargo="1D").split(X)))
    assert "the label of row 7 ends at 2262-04-11" in said


def test_a_row_at_the_last_moment_there_is_is_refused():
    times = pd.DatetimeIndex([*DAYS["t"][1:], pd.Timestamp.max.tz_localize("UTC")])
    assert "times of row 19 is 2262" in _refused(lambda: _split("point", times))


def test_times_from_1677_to_2262_are_looked_at_without_overflow():
    ends = [pd.Timestamp.min.value, 0, 1, pd.Timestamp.max.value]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refuse_clock_change(np.array(ends), "times")


def test_a_holdout_takes_arrays_and_speaks_of_its_own_parameters():
    parts = temporal_holdout(np.zeros(20), time=range(20), end_time=ROWS + 1, valid=5, test=5)
    assert [len(parts.train), len(parts.valid), len(parts.test)] == [9, 4, 5]
    for change in ({"time": "t"}, {"time": None}, {"test": 30}, {"end_time": [1]}):
        given = {"time": ROWS, "end_time": "point", "valid": 5, "test": 5, **change}
        said = _refused(lambda given=given: temporal_holdout(np.zeros(20), **given))
        assert not [word for word in ("split()", "n_splits", "times=") if word in said]


@pytest.mark.parametrize("number", [-1, "3", 0, 1.5])
def test_no_splitter_gives_a_number_of_splits_that_is_none(number):
    for cv in (
        PurgedKFold(number, end_time="point"),
        StratifiedGroupPurgedKFold(number),
        GroupTimeSeriesSplit(number, end_time="point"),
        CombinatorialPurgedKFold(number, 2, end_time="point"),
        CombinatorialPurgedKFold(6, number, end_time="point"),
        CombinatorialPurgedKFold(6, 2, max_splits=number, end_time="point"),
    ):
        assert "whole number" in _refused(cv.get_n_splits)


def test_many_classes_are_refused_before_the_memory_is_gone():
    y = np.arange(10**5) // 2
    said = _refused(lambda: list(StratifiedGroupPurgedKFold(2).split(y, y, groups=y)))
    assert "y holds 50000 distinct values" in said


def test_a_target_of_one_column_is_taken_as_its_values():
    y, groups = ROWS % 2, ROWS // 2
    cv = StratifiedGroupPurgedKFold(2)
    expected = [test.tolist() for _, test in cv.split(y, y, groups)]
    for column in (y[:, None], pd.DataFrame({"y": y})):
        assert [test.tolist() for _, test in cv.split(y, column, groups)] == expected


@pytest.mark.parametrize("X", [range(12), sparse.coo_matrix(np.eye(12))], ids=["range", "coo"])
def test_nested_splits_take_rows_of_anything_that_has_rows(X):
    assert len(nested_splits(KFold(2), KFold(2), X).check(X).inner) == 2


BAD_SIDES = [
    ([0, 1], [99], "test has row 99"),
    ([0, 1], [-1], "test has row -1"),
    ([0, 1], [], "test is empty"),
    ([], [3], "train is empty"),
    ([0, 1], [0.5], "test holds float64 values"),
]


@pytest.mark.parametrize("mode", ["noninterference", "prefix"])
@pytest.mark.parametrize(("train", "test", "said"), BAD_SIDES)
def test_preprocessing_is_not_checked_on_rows_that_are_none(train, test, said, mode):
    raw = np.arange(20.0)
    call = lambda: check_preprocessing(lambda raw: raw, raw, [(train, test)], mode=mode)  # noqa: E731
    assert f"fold 0: {said}" in _refused(call)


def test_preprocessing_takes_masks_lists_of_test_sets_and_tables():
    raw = pd.DataFrame({"x": np.arange(20.0)})
    is_test = ROWS >= 15
    folds = [(~is_test, is_test), (ROWS[:15], [ROWS[15:17], ROWS[17:]]), (raw[:15], raw[15:])]
    assert check_preprocessing(lambda raw: raw * 2, raw, folds).verdict == "proved"
    assert len(check_preprocessing(lambda raw: raw - raw.mean(), raw, folds).table) == 3


CONSTANTS = {
    "int": np.ones(20, dtype=np.int8),
    "none": np.array([None] * 20),
    "nullable": pd.array([True, pd.NA] * 10, dtype="boolean"),
    "all missing": pd.array([pd.NA] * 20, dtype="Int64"),
    "category": pd.Categorical(["a"] * 20, categories=["a", "b"]),
    "lone category": pd.Categorical(["a"] * 20),
    "text": ["a"] * 20,
    "missing text": pd.array(["a", pd.NA] * 10, dtype="string"),
    "huge": np.full(20, 1e300),
    "number objects": np.array([1] * 20, dtype=object),
}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_a_leak_through_a_constant_column_is_caught(kind):
    raw = pd.DataFrame({"c": CONSTANTS[kind]})

    def last_of_all(raw):
        return pd.Series([str(raw["c"].tolist()[15:])] * len(raw))

    folds = [(ROWS[:15], ROWS[15:])]
    assert check_preprocessing(last_of_all, raw, folds).verdict == "violated"
    assert check_preprocessing(lambda raw: raw.isna(), raw, folds).verdict == "proved"


def test_fixed_width_texts_are_changed():
    raw = np.array(["abc"] * 20)
    leak = check_preprocessing(lambda raw: np.repeat(raw[-1:], 20), raw, [(ROWS[:15], ROWS[15:])])
    assert leak.verdict == "violated"


def test_a_column_that_cannot_be_changed_is_no_pass():
    raw = pd.DataFrame({"x": np.arange(20.0), "lists": [[1, 2]] * 20})
    proof = check_preprocessing(lambda raw: raw["x"], raw, [(ROWS[:15], ROWS[15:])])
    assert proof.verdict == "unknown"
    assert "column 'lists' could not be changed" in str(proof)


def test_times_with_a_zone_are_never_changed():
    fold = (ROWS[:15], ROWS[15:])
    proof = check_preprocessing(lambda raw: raw["t"].max() - raw["t"], DAYS, [fold])
    assert proof.verdict == "proved"
