"""What every splitter owes: `check_splitter` over ours and others', and over broken ones."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    TimeSeriesSplit,
    cross_validate,
)

from repro.errors import SplitError
from repro.splits import (
    CombinatorialPurgedKFold,
    GroupTimeSeriesSplit,
    PurgedKFold,
    StratifiedGroupPurgedKFold,
    make_plan,
)
from repro.testing import check_splitter

NAMED = {"time": "t", "end_time": "end"}
OURS = {
    "purged": PurgedKFold(3, **NAMED, embargo=1),
    "purged, times routed": PurgedKFold(3, end_time=None),
    "purged, all options": PurgedKFold(
        3, **NAMED, feature_start="opened", embargo="2D", closed="left"
    ),
    "walk forward": GroupTimeSeriesSplit(3, **NAMED, test=2),
    "walk forward, by days": GroupTimeSeriesSplit(end_time=None),
    "rolling": GroupTimeSeriesSplit(3, **NAMED, test=4, window="rolling", train=20),
    "disjoint": GroupTimeSeriesSplit(2, **NAMED, test=8, groups_policy="disjoint", gap=1),
    "unseen": GroupTimeSeriesSplit(2, **NAMED, test=8, groups_policy="unseen"),
    "combinatorial": CombinatorialPurgedKFold(5, **NAMED, embargo=1),
    "combinatorial, some": CombinatorialPurgedKFold(end_time=None, max_splits=4, random_state=0),
    "stratified groups": StratifiedGroupPurgedKFold(3),
    "stratified groups, purged": StratifiedGroupPurgedKFold(3, **NAMED),
}
OTHERS = {
    "KFold": KFold(3),
    "KFold, shuffled": KFold(3, shuffle=True, random_state=0),
    "TimeSeriesSplit": TimeSeriesSplit(3),
    "GroupKFold": GroupKFold(3),
    "StratifiedGroupKFold": StratifiedGroupKFold(3),
}


@pytest.mark.parametrize("cv", OURS.values(), ids=OURS.keys())
def test_our_splitters_keep_every_clause_that_applies(cv):
    contract = check_splitter(cv)
    lengths = [value for value in cv.get_params().values() if isinstance(value, str)]
    assert set(contract.not_applicable) == ({"time map"} if {"2D", "30D"} & set(lengths) else set())
    assert isinstance(cv, BaseCrossValidator)


@pytest.mark.parametrize("cv", OTHERS.values(), ids=OTHERS.keys())
def test_splitters_of_scikit_learn_keep_every_clause_that_applies(cv):
    contract = check_splitter(cv)
    takes_groups = "groups" in cv.get_metadata_routing().split.requests
    positional = "it takes neither times nor groups, and so goes by position"
    expected = {"time map": "it takes no times", "longer labels": "it takes no times"}
    assert contract.not_applicable == expected | (
        {} if takes_groups else {"rows permuted": positional}
    )


@pytest.mark.parametrize("cv", OURS.values(), ids=OURS.keys())
def test_constructors_check_nothing(cv):
    given = {name: object() for name in cv.get_params()}
    assert type(cv)(**given).get_params() == given


class Purged(PurgedKFold):
    """A third party's splitter, to be broken below."""

    def __init__(self, n_splits=3, *, time="t", end_time="end", embargo=None):
        super().__init__(n_splits, time=time, end_time=end_time, embargo=embargo)


class CountsWrong(Purged):
    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits + 1


class KeepsState(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        self.n_rows_ = len(X)
        return super().split(X, y, groups, times=times, end_times=end_times)


class GivesLess(Purged):
    """The second split gives other folds than the first."""

    calls = 0

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        type(self).calls += 1
        for train, test in super().split(X):
            yield train[type(self).calls % 2 :], test


class WritesToTheData(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        X["x"] = 0.0
        return super().split(X)


class DrawsGlobally(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for train, test in super().split(X):
            yield train[train != np.random.choice(train)], test


class ConvertsParameters(Purged):
    def __init__(self, n_splits=3, *, time="t", end_time="end", embargo=None):
        super().__init__(n_splits, time=str(time), end_time=end_time, embargo=embargo)


class CannotBeCopied(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        return super().split(X)

    def __reduce__(self):
        return (Purged, (4,))


class Leaks(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for train, test in super().split(X):
            yield np.setdiff1d(np.arange(len(X)), test[1:]) if len(train) % 2 else train, test


class ForgetsToPurge(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for _, test in super().split(X):
            yield np.setdiff1d(np.arange(len(X)), test), test


class GoesByPosition(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for train, test in super().split(X):
            yield train[:20], test


class GoesByLabel(Purged):
    """It drops the training row whose label comes last in the alphabet."""

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for train, test in super().split(X):
            yield np.delete(train, np.argmax(X.index[train])), test


class GoesByHour(Purged):
    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        for train, test in super().split(X):
            yield train[X[self.time].dt.day.to_numpy()[train] < 28], test


class TrainsOnLongLabels(Purged):
    """Still leak-free, but a label that grows longer lets its row train."""

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        length = (X[self.end_time] - X[self.time]).to_numpy()
        for train, test in super().split(X):
            yield train[length[train] > np.timedelta64(1, "h")], test


class UsesNoInnerSet(Purged):
    """It cannot be split where it sees fewer rows than at first."""

    def split(self, X, y=None, groups=None, *, times=None, end_times=None):
        if len(X) < 60:
            raise IndexError("row 59")
        return super().split(X)


BROKEN = {
    CountsWrong(): ("count", "get_n_splits() says 4, split() gives 3"),
    KeepsState(): ("no state", "split() changes its attribute 'n_rows_'"),
    GivesLess(): ("no state", "split a second time: train of fold 0 loses no rows and gains row"),
    WritesToTheData(): ("no state", "generated panel 0: split() changes X"),
    DrawsGlobally(): ("global generators", "draws from the global generator of numpy"),
    ConvertsParameters(): ("parameters", "the constructor turns time=<object object"),
    CannotBeCopied(): ("round trip", "after pickle"),
    Leaks(): ("proof", "B0  violated"),
    ForgetsToPurge(): ("proof", "P1  violated"),
    GoesByPosition(): ("rows permuted", "generated panel 0, rows reversed: train of fold"),
    GoesByLabel(): ("relabelled", "other labels of the rows: train of fold"),
    GoesByHour(): ("time map", "times mapped to others in the same order: train of fold"),
    TrainsOnLongLabels(): ("longer labels", "labels up to 5 days longer: train of fold"),
    UsesNoInnerSet(): ("nested", "row 59"),
}


@pytest.mark.parametrize("cv", BROKEN, ids=[type(cv).__name__ for cv in BROKEN])
def test_a_broken_splitter_is_told_which_clause_it_breaks_and_where(cv):
    clause, said = BROKEN[cv]
    with pytest.raises(AssertionError) as found:
        check_splitter(cv)
    text = str(found.value)
    assert f"breaks the clause {clause!r}" in text
    assert said in text


def test_the_splitter_that_was_broken_is_whole():
    assert not check_splitter(Purged()).not_applicable


def test_what_was_left_out_is_reported_with_its_reason():
    skipped = ["rows permuted", "longer labels", "nested"]
    contract = check_splitter(GoesByPosition(), skip=skipped)
    assert contract.not_applicable == dict.fromkeys(skipped, "skipped by the caller")
    assert "  not checked: nested: skipped by the caller" in str(contract)
    with pytest.raises(SplitError, match="skip= names no clause: \\['speed'\\]; there are count,"):
        check_splitter(KFold(), skip=["speed"])


def test_data_that_a_splitter_refuses_are_the_callers_to_bring():
    with pytest.raises(AssertionError, match="Pass make_data= with data it can"):
        check_splitter(PurgedKFold(80, time="t", end_time=dt.timedelta(1)))


def test_a_series_parameter_survives_clone():
    ends = pd.Series([1, 2, 3])
    copy = clone(PurgedKFold(3, time="t", end_time=ends))
    pd.testing.assert_series_equal(copy.end_time, ends)


def table(n_rows=24, seed=0):
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, 15, n_rows))
    frame = pd.DataFrame({"t": day, "end": day + rng.integers(0, 3, n_rows), "x": 1.0})
    frame["g"] = rng.choice(list("abcdefghij"), n_rows)
    return frame


def test_times_are_routed_by_scikit_learn():
    frame = table()
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(
            DummyRegressor(),
            frame[["x"]].to_numpy(),
            frame["x"].to_numpy(),
            cv=PurgedKFold(3, end_time=None),
            params={"times": frame["t"].to_numpy(), "end_times": frame["end"].to_numpy()},
            return_indices=True,
        )["indices"]["train"]
    expected = make_plan(PurgedKFold(3, time="t", end_time="end"), frame)
    assert [rows.tolist() for rows in found] == [expected.fold(i)[0].tolist() for i in range(3)]


def test_groups_and_times_are_routed_through_a_search():
    frame = table()
    cv = GroupTimeSeriesSplit(2, test=2, end_time=None, groups_policy="disjoint")
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(DummyRegressor(), {"strategy": ["mean", "median"]}, cv=cv)
        search.fit(
            frame[["x"]],
            frame["x"],
            groups=frame["g"],
            times=frame["t"],
            end_times=frame["end"],
        )
    assert search.n_splits_ == 2
