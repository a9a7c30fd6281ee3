"""StratifiedGroupPurgedKFold against scikit-learn's, against the definition, and its refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from repro.errors import SplitError
from repro.splits import StratifiedGroupPurgedKFold, check_split, make_plan


def drawn(seed, n_classes=3, n_groups=12):
    random = np.random.default_rng(seed)
    n_rows = int(random.integers(40, 120))
    return random.integers(0, n_classes, n_rows), random.integers(0, n_groups, n_rows)


def as_lists(folds):
    return [(train.tolist(), test.tolist()) for train, test in folds]


@pytest.mark.parametrize("n_classes", [1, 2, 5])
def test_without_times_the_folds_are_those_of_scikit_learn(n_classes):
    for seed in range(8):
        y, groups = drawn(seed, n_classes)
        X = np.zeros((len(y), 1))
        for n_splits in (2, 5):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a class has few members
                theirs = as_lists(StratifiedGroupKFold(n_splits).split(X, y, groups))
            assert as_lists(StratifiedGroupPurgedKFold(n_splits).split(X, y, groups)) == theirs


@pytest.mark.parametrize(("seed", "n_classes", "n_splits"), [(54, 3, 4), (160, 2, 6), (237, 5, 5)])
def test_ties_that_only_rounding_breaks_are_ties(seed, n_classes, n_splits):
    random = np.random.default_rng(seed)
    random.integers(2, 6)
    random.integers(3, 9)
    counts = random.integers(0, 4, (12, n_classes))
    y = np.repeat(np.tile(np.arange(n_classes), 12), counts.ravel())
    groups = np.repeat(np.arange(12), counts.sum(axis=1))
    X = np.zeros((len(y), 1))
    theirs = as_lists(StratifiedGroupKFold(n_splits).split(X, y, groups))
    assert as_lists(StratifiedGroupPurgedKFold(n_splits).split(X, y, groups)) == theirs


def test_names_of_groups_and_classes_are_taken_as_scikit_learn_takes_them():
    y, groups = drawn(3)
    y, groups = np.array(["no", "yes", "maybe"])[y], np.array([f"g{one}" for one in groups])
    theirs = as_lists(StratifiedGroupKFold(4).split(np.zeros((len(y), 1)), y, groups))
    assert as_lists(StratifiedGroupPurgedKFold(4).split(range(len(y)), y, groups)) == theirs


def test_one_class_and_groups_of_falling_sizes_give_the_folds_of_group_kfold():
    groups = np.repeat([0, 1, 2, 3, 4, 5], [9, 8, 7, 3, 2, 1])
    X, y = np.zeros((30, 1)), np.zeros(30, dtype=int)
    theirs = {tuple(test) for _, test in GroupKFold(3).split(X, y, groups)}
    ours = {tuple(test) for _, test in StratifiedGroupPurgedKFold(3).split(X, y, groups)}
    assert ours == theirs


def timed(seed=0, horizon=4):
    """Groups that follow each other in time, so that only neighbours meet."""
    random = np.random.default_rng(seed)
    t = np.arange(90)
    X = pd.DataFrame({"t": t, "end": t + random.integers(0, horizon, 90), "who": t // 6})
    return X.assign(label=random.integers(0, 2, 90))


def test_rows_whose_label_meets_a_test_label_do_not_train():
    X = timed()
    cv = StratifiedGroupPurgedKFold(3, stratify="label", time="t", end_time="end")
    untimed = StratifiedGroupPurgedKFold(3, stratify="label")
    t0, t1 = X["t"].to_numpy(), X["end"].to_numpy()
    n_purged = 0
    for (train, test), (others, same) in zip(
        cv.split(X, groups=X["who"]), untimed.split(X, groups=X["who"]), strict=True
    ):
        meets = (t0[others, None] <= t1[test]) & (t1[others, None] >= t0[test])
        np.testing.assert_array_equal(test, same)
        np.testing.assert_array_equal(train, others[~meets.any(axis=1)])
        n_purged += len(others) - len(train)
    assert n_purged > 0


def test_the_order_of_rows_changes_nothing_but_their_positions():
    X = timed(1)
    places = np.random.default_rng(0).permutation(len(X))
    moved = X.iloc[places]
    cv = StratifiedGroupPurgedKFold(4, stratify="label", time="t", end_time="end")
    for fold, there in zip(cv.split(X, groups="who"), cv.split(moved, groups="who"), strict=True):
        for side, moved_side in zip(fold, there, strict=True):
            np.testing.assert_array_equal(np.sort(places[moved_side]), side)


def test_a_purged_plan_is_proved_with_its_groups():
    X = timed()
    cv = StratifiedGroupPurgedKFold(3, stratify=X["label"], time="t", end_time="end")
    plan = make_plan(cv, X, groups="who")
    assert plan.policy == "kfold"
    check_split(plan, X[["t"]], X["label"]).raise_if_violated()
    without = StratifiedGroupPurgedKFold(3)
    assert make_plan(without, X, X["label"], groups="who").policy == "exchangeable"


def test_an_empty_fold_is_refused_or_left_out_and_the_count_says_so():
    # The long label of row 0 meets all others: whoever tests it has nothing to train on.
    X = pd.DataFrame({"t": range(6), "end": [9, 1, 2, 3, 4, 5]})
    y, groups = [0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5]
    strict = StratifiedGroupPurgedKFold(3, time="t", end_time="end")
    with pytest.raises(SplitError, match=r"^fold 0 is left without training rows: the labels of "):
        strict.split(X, y, groups)
    lenient = StratifiedGroupPurgedKFold(3, time="t", end_time="end", on_empty="skip")
    folds = list(lenient.split(X, y, groups))
    assert len(folds) == lenient.get_n_splits(X, y, groups) == 2
    assert all(0 not in train and len(train) for train, _ in folds)
    with pytest.raises(SplitError, match=r"^with on_empty='skip' the data decide on the number"):
        lenient.get_n_splits()


TWELVE = {"X": np.zeros((12, 1)), "y": [0, 1] * 6, "groups": [0, 0, 1, 1, 2, 2] * 2}
REFUSALS = {
    "no groups": (
        {},
        {"groups": None},
        "groups= is missing: nothing says which rows belong together. Pass groups to split(), one "
        "per row, or use StratifiedKFold if every row stands alone.",
    ),
    "no y": (
        {"n_splits": 3},
        {"y": None},
        "stratify='y' balances the classes of y, but y= is missing. Pass y to split(), or name "
        "the column of X that holds them: stratify='label'.",
    ),
    "more splits than groups": (
        {"n_splits": 4},
        {},
        "n_splits=4 needs 4 groups, there are 3. Ask for fewer splits.",
    ),
    "no classes": (
        {"n_splits": 3},
        {"y": np.linspace(0.5, 1.25, 12)},
        "the values to stratify by are no classes: one is 0.5. Pass classes, for example bins of "
        "these numbers: stratify=pd.cut(y, 5).",
    ),
    "classes too small": (
        {"n_splits": 3},
        {"y": list("abcdefghijkl")},
        "the largest class has 1 rows, n_splits=3 test sets cannot share them. Ask for fewer "
        "splits, or pass coarser classes.",
    ),
    "y of another length": (
        {"n_splits": 3},
        {"y": [0, 1]},
        "y has 2 values, X has 12 rows. Pass one value per row, in the order of X.",
    ),
    "on_empty": (
        {"n_splits": 3, "on_empty": "ignore"},
        {},
        "on_empty='ignore' is unknown; choose 'raise' or 'skip'.",
    ),
    "one split": (
        {"n_splits": 1},
        {},
        "n_splits=1 must be a whole number, 2 or more.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_split_refuses_before_the_first_fold_what_it_cannot_use(case):
    parameters, data, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        StratifiedGroupPurgedKFold(**parameters).split(**TWELVE | data)
    assert str(caught.value) == message


def test_times_without_ends_are_refused():
    cv = StratifiedGroupPurgedKFold(3)
    with pytest.raises(SplitError, match=r"^times are given but nothing says when each label"):
        cv.split(**TWELVE, times=range(12))
