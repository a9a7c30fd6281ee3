"""The proof over what others yield: several test sets, masks, tables, splitters of others."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import NotChecked, Violated, check_split

DAYS = pd.date_range("2020-01-01", periods=24)
FRAME = pd.DataFrame({"day": DAYS, "x": np.arange(24.0)}, index=[f"v{i}" for i in range(24)])
FRAME["known"] = FRAME["day"] + pd.Timedelta("1D")
TIMED = {"times": "day", "end_times": "known"}


def violated(proof):
    folds = proof.table
    return {name for fold in folds for name, result in fold.items() if isinstance(result, Violated)}


class CombinatorialPurgedCV:
    """As that of skfolio: no groups, and a list of test sets for every fold."""

    def __init__(self, purged):
        self.purged = purged

    def split(self, X, y=None):
        blocks = np.array_split(np.arange(len(X)), 6)
        for first, second in ((0, 2), (0, 3), (2, 5)):
            tests = [blocks[first], blocks[second]]
            near = {row + shift for test in tests for row in test for shift in (-1, 0, 1)}
            out = near if self.purged else set(np.concatenate(tests))
            yield np.array(sorted(set(range(len(X))) - out)), tests


def test_a_list_of_test_sets_is_one_test_of_its_fold():
    proof = check_split(CombinatorialPurgedCV(purged=True), FRAME, FRAME["x"], **TIMED)
    assert proof.verdict == "proved"
    assert proof.table[2]["O1"] == NotChecked(
        "4 test rows of earlier folds are tested again, as was declared", demanded=False
    )
    assert violated(check_split(CombinatorialPurgedCV(purged=False), FRAME, **TIMED)) == {"P1"}


def tables(gap):
    """As timebasedcv yields them: the rows themselves."""
    for start in (8, 16):
        yield FRAME.iloc[: start - gap], FRAME.iloc[start : start + 8]


@pytest.mark.parametrize("data", [None, FRAME.iloc[::-1]], ids=["no X", "X in another order"])
def test_tables_are_found_by_their_labels(data):
    proof = check_split(list(tables(gap=1)), data, **TIMED, policy="walk_forward")
    assert (proof.verdict, proof.n_rows) == ("proved", 24)
    leak = check_split(list(tables(gap=0)), data, **TIMED)
    assert violated(leak) == {"P1"}
    witness = leak.table[0]["P1"].witnesses[0]
    assert (witness.train.label, witness.test.label) == ("v7", "v8")


def test_a_generator_is_read_once_and_says_so():
    why = "a generator gives its folds once; pass a list or a splitter"
    for folds, data in ((tables(gap=1), None), (iter([([0], [1])]), FRAME)):
        proof = check_split(folds, data)
        assert proof.table[0]["R1"] == NotChecked(why, demanded=False)
        assert len(proof.table) in (1, 2)


class NeedsTimes:
    """As TimeBasedSplit of timebasedcv: a split that takes more than X, y and groups."""

    def split(self, *arrays, time_series):
        raise AssertionError("not to be called")


class OneMoreEveryTime:
    n_calls = 0

    def split(self, X, y=None, groups=None):
        self.n_calls += 1
        return iter([([0], [1])] * self.n_calls)


SERIES = FRAME["x"]
REFUSALS = {
    "a split of other arguments": (
        lambda: check_split(NeedsTimes(), FRAME),
        "NeedsTimes.split() cannot be called with X, y and groups. Call it yourself, and pass the "
        "list of its folds.",
    ),
    "tables and their labels": (
        lambda: check_split([(FRAME[:2], FRAME[4:], SERIES[:2], SERIES[4:])], FRAME),
        "fold 0 is a tuple of 4, not a pair. Pass one pair (training rows, test rows) per fold, "
        "also for a single fold.",
    ),
    "tables without X": (
        lambda: check_split([(FRAME[:2], SERIES[4:])]),
        "the folds mix tables and single columns. Pass pairs (train table, test table); labels go "
        "into y=, or into the tables.",
    ),
    "tables and an array": (
        lambda: check_split([(FRAME[:2], FRAME[4:])], FRAME.to_numpy()),
        "train is a table, whose rows are found by label, but X has no labels. Pass X as a "
        "DataFrame, or row numbers as folds.",
    ),
    "a label twice": (
        lambda: check_split([(FRAME[:2], FRAME[4:])], pd.concat([FRAME, FRAME[:1]])),
        "train is a table, whose rows are found by label, but X has label 'v0' more than once. "
        "Make the labels of X unique.",
    ),
    "other folds every time": (
        lambda: check_split(OneMoreEveryTime(), FRAME, tests_overlap=True),
        "OneMoreEveryTime gave more folds when it was asked once more. Freeze its folds with "
        "make_plan(), and check the plan.",
    ),
    "nobody's class": (
        lambda: check_split([([0], [1])], FRAME, y=["a", "b"] * 12, required=["c"]),
        "required='c' is neither a class of y nor a group (class: 'a', 'b'). Pass y= or groups= "
        "that hold it.",
    ),
    "one name": (
        lambda: check_split([([0], [1])], FRAME, required="abc"),
        "required='abc' is one name. Pass a list of classes or groups.",
    ),
    "a short y": (
        lambda: check_split([([0], [1])], FRAME, y=[1, 2]),
        "y has 2 values, X has 24 rows. Pass one per row.",
    ),
    "no rows at least": (
        lambda: check_split([([0], [1])], FRAME, min_test=0),
        "min_test=0 must be a whole number, 1 or more.",
    ),
    "too few estimators": (
        lambda: check_split(KFold(2), FRAME, estimators=[]),
        "there are 0 estimators, and more folds. Pass one fitted estimator per fold, in the order "
        "of the folds.",
    ),
    "too many estimators": (
        lambda: check_split([([], [1])], FRAME, estimators=[1, 2]),
        "there are 2 estimators for 1 folds. Pass one fitted estimator per fold, in the order of "
        "the folds.",
    ),
    "estimators of nothing": (
        lambda: check_split(KFold(2), times=range(4), estimators=[1, 2]),
        "estimators= are given without X=. Pass what they were fitted on.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_folds_that_cannot_be_read_are_refused(case):
    call, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        call()
    assert str(caught.value) == message


def test_skfolio_is_judged_as_it_is():
    cv = pytest.importorskip("skfolio.model_selection").CombinatorialPurgedCV
    proved = check_split(cv(6, 2, purged_size=1), FRAME, **TIMED)
    assert (proved.verdict, len(proved.table)) == ("proved", 15)
    assert violated(check_split(cv(6, 2, purged_size=0), FRAME, **TIMED)) == {"P1"}


def test_timebasedcv_is_judged_as_it_is():
    cv = pytest.importorskip("timebasedcv").TimeBasedSplit
    for gap, verdict in ((1, "proved"), (0, "violated")):
        splitter = cv(frequency="days", train_size=8, forecast_horizon=4, gap=gap)
        folds = list(splitter.split(FRAME, time_series=FRAME["day"]))
        assert check_split(folds, FRAME, **TIMED).verdict == verdict


def test_mlxtend_is_judged_as_it_is():
    evaluate = pytest.importorskip("mlxtend.evaluate")
    pairs = np.arange(24) // 2
    for gap, found in ((1, set()), (0, {"P1"})):
        cv = evaluate.GroupTimeSeriesSplit(test_size=2, shift_size=2, gap_size=gap, n_splits=2)
        assert violated(check_split(cv, FRAME, groups=pairs, **TIMED)) == found
    holdout = evaluate.PredefinedHoldoutSplit(np.arange(16, 24))
    assert check_split(holdout, FRAME).verdict == "proved"
