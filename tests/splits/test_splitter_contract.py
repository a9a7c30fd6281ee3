"""What every splitter of ours owes: scikit-learn's conventions, equivariance, no state."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import BaseCrossValidator, GridSearchCV, cross_validate

from repro.splits import GroupTimeSeriesSplit, PurgedKFold, check_split, make_plan

SPLITTERS = {
    "purged": PurgedKFold(3, time="t", end_time="end", embargo=1),
    "walk forward": GroupTimeSeriesSplit(3, time="t", end_time="end", test=2),
    "disjoint": GroupTimeSeriesSplit(
        2, time="t", end_time="end", test=2, groups_policy="disjoint", gap=1
    ),
}
every_splitter = pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS.keys())


def table(n_rows=24, seed=0):
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, 15, n_rows))
    frame = pd.DataFrame({"t": day, "end": day + rng.integers(0, 3, n_rows), "x": 1.0})
    frame["g"] = rng.choice(list("abcdefghij"), n_rows)
    return frame


def labels_of(cv, frame):
    return [
        (set(frame.index[train]), set(frame.index[test]))
        for train, test in cv.split(frame, groups=frame["g"])
    ]


@every_splitter
@settings(max_examples=10, deadline=None, derandomize=True)
@given(order=st.permutations(range(24)))
def test_permuting_the_rows_permutes_the_folds_and_nothing_else(cv, order):
    frame = table()
    assert labels_of(cv, frame.iloc[order]) == labels_of(cv, frame)


@every_splitter
def test_every_fold_is_proved_leak_free(cv):
    frame = table()
    plan = make_plan(cv, frame, groups="g" if "disjoint" in repr(cv) else None)
    assert check_split(plan).verdict == "proved"
    assert plan.n_splits == cv.get_n_splits(frame) == cv.n_splits


@every_splitter
def test_clone_repr_and_pickle_keep_all_parameters(cv):
    frame = table()
    assert isinstance(cv, BaseCrossValidator)
    for copy in (clone(cv), pickle.loads(pickle.dumps(cv))):
        assert copy.get_params() == cv.get_params()
        assert repr(copy) == repr(cv)
        assert labels_of(copy, frame) == labels_of(cv, frame)


def test_a_series_parameter_survives_clone():
    ends = table()["end"]
    copy = clone(PurgedKFold(3, time="t", end_time=ends))
    pd.testing.assert_series_equal(copy.end_time, ends)


@every_splitter
def test_split_writes_no_state(cv):
    before = dict(vars(cv))
    list(cv.split(table(), groups=table()["g"]))
    assert vars(cv) == before


@every_splitter
def test_parameters_are_stored_verbatim_and_not_checked_by_the_constructor(cv):
    given = {name: object() for name in cv.get_params()}
    assert type(cv)(**given).get_params() == given


def test_times_are_routed_by_scikit_learn():
    frame = table()
    cv = PurgedKFold(3, end_time=None)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_validate(
            DummyRegressor(),
            frame[["x"]].to_numpy(),
            frame["x"].to_numpy(),
            cv=cv,
            params={"times": frame["t"].to_numpy(), "end_times": frame["end"].to_numpy()},
            return_indices=True,
        )
    expected = make_plan(SPLITTERS["purged"], frame)
    unembargoed = make_plan(PurgedKFold(3, time="t", end_time="end"), frame)
    found = scores["indices"]["train"]
    assert [rows.tolist() for rows in found] == [unembargoed.fold(i)[0].tolist() for i in range(3)]
    assert [rows.tolist() for rows in found] != [expected.fold(i)[0].tolist() for i in range(3)]


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


@every_splitter
def test_columns_of_x_reach_the_splitter_without_routing(cv):
    frame = table()
    scores = cross_validate(DummyRegressor(), frame, frame["x"], groups=frame["g"], cv=cv)
    assert len(scores["test_score"]) == cv.n_splits
