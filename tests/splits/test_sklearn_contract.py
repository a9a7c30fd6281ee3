"""scikit-learn's own tests of splitters, from the installed wheel, run over ours.

A splitter of ours takes the place of its namesake in scikit-learn's module of tests, with the
number of a row as its time. What is raised must be raised, in words of ours.

Left out, with the reason:

* test_cross_validator_with_default_params, test_repeated_cv_repr, test_build_repr: fixed classes,
  whose exact text they compare
* test_kfold_valueerrors, test_random_state_shuffle_false: constructors that refuse; ours check
  nothing before `split`
* test_no_group_splitters_warns_with_groups, test_stratified_splitter_without_y: how classes that
  request nothing, or whose signature demands y, refuse what they are handed
* test_2d_y for stratified groups: ours refuses a y of two dimensions, also with one column
* shuffled cases, and tests of ShuffleSplit, Repeated*, Leave*, Predefined*, train_test_split,
  check_cv: ours do not shuffle, and have no namesake
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection.tests import test_split as theirs

from repro.splits import (
    CombinatorialPurgedKFold,
    GroupTimeSeriesSplit,
    PurgedKFold,
    StratifiedGroupPurgedKFold,
)

THEIR_STRATIFIED = theirs.StratifiedGroupKFold


class KFold(PurgedKFold):
    """PurgedKFold for point labels, one per row, in the order of the rows."""

    def __init__(self, n_splits=5):
        super().__init__(n_splits, end_time="point")

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        return super().split(X, times=np.arange(len(X)))


class TimeSeriesSplit(GroupTimeSeriesSplit):
    """GroupTimeSeriesSplit under the names of scikit-learn's parameters."""

    def __init__(self, n_splits=5, *, max_train_size=None, test_size=None, gap=0):
        super().__init__(
            n_splits,
            end_time="point",
            test=test_size,
            train=max_train_size,
            gap=gap,
            window="expanding" if max_train_size is None else "rolling",
        )

    @property
    def max_train_size(self):
        return self.train

    @property
    def test_size(self):
        return self.test

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        return super().split(X, times=np.arange(len(X)))


class StratifiedGroupKFold(StratifiedGroupPurgedKFold):
    """StratifiedGroupPurgedKFold without times; it does not shuffle, whatever it is told."""

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        super().__init__(n_splits)
        self.shuffle, self.random_state = False, 0


@pytest.fixture(autouse=True)
def _ours_for_theirs(monkeypatch):
    monkeypatch.setattr(theirs, "KFold", KFold)
    monkeypatch.setattr(theirs, "TimeSeriesSplit", TimeSeriesSplit)
    monkeypatch.setattr(theirs, "StratifiedGroupKFold", StratifiedGroupKFold)
    wordless = SimpleNamespace(raises=lambda kind, match=None: pytest.raises(kind))
    monkeypatch.setattr(theirs, "pytest", wordless)


@pytest.mark.parametrize(
    "name",
    [
        "test_kfold_indices",
        "test_kfold_no_shuffle",
        "test_kfold_balance",
        "test_time_series_cv",
        "test_time_series_max_train_size",
        "test_time_series_test_size",
        "test_time_series_gap",
        "test_2d_y",
    ],
)
def test_ours_pass_the_tests_of_their_namesakes_in_scikit_learn(name, monkeypatch):
    if name == "test_2d_y":
        monkeypatch.setattr(theirs, "StratifiedGroupKFold", THEIR_STRATIFIED)
    getattr(theirs, name)()


OURS = [
    PurgedKFold(end_time=None),
    GroupTimeSeriesSplit(end_time=None),
    CombinatorialPurgedKFold(end_time=None, max_splits=4, random_state=0),
    StratifiedGroupPurgedKFold(),
]


@pytest.mark.parametrize("cv", OURS, ids=lambda cv: type(cv).__name__)
def test_ours_do_what_scikit_learn_asks_of_each_of_its_splitters(cv, monkeypatch):
    takes_groups = "groups" in cv.get_metadata_routing().split.requests
    monkeypatch.setattr(theirs, "GROUP_SPLITTERS", [cv] if takes_groups else [])
    theirs.test_yields_constant_splits(cv, True)
    theirs.test_splitter_get_metadata_routing(cv)
    theirs.test_splitter_set_split_request(cv)
    assert hasattr(cv, "set_split_request")


def test_stratified_groups_pass_scikit_learns_own_tests():
    kind = theirs.StratifiedGroupKFold
    theirs.test_stratified_kfold_ratios(5, False, kind)
    theirs.test_stratified_kfold_label_invariance(4, False, kind)
    theirs.test_stratifiedkfold_balance(kind)
    theirs.test_stratified_group_kfold_trivial()
    theirs.test_stratified_group_kfold_approximate()
    for mark in theirs.test_stratified_group_kfold_homogeneous_groups.pytestmark:
        for case in mark.args[1]:
            theirs.test_stratified_group_kfold_homogeneous_groups(*case)
    theirs.test_group_kfold(kind, False, 0)


@pytest.mark.slow
def test_ours_work_in_scikit_learns_nested_search(monkeypatch):
    monkeypatch.setattr(theirs, "GroupKFold", KFold)
    theirs.test_nested_cv()
