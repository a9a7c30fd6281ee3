"""Nested plans: two levels in one object, proved and fingerprinted together."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, KFold

from repro.errors import LeakFound, SplitError
from repro.splits import GroupTimeSeriesSplit, PurgedKFold, make_plan, nested_splits

OUTER = GroupTimeSeriesSplit(2, time="t", end_time="end", test=4)
INNER = PurgedKFold(3, time="t", end_time="end", embargo=1)


def panel(n_rows=40, seed=0):
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 20, n_rows)
    index = [f"r{number}" for number in range(n_rows)]
    return pd.DataFrame({"t": day, "end": day + rng.integers(0, 2, n_rows), "x": 1.0}, index=index)


def test_inner_folds_are_those_of_the_outer_training_rows_in_positions_of_the_whole_data():
    frame = panel()
    nested = nested_splits(OUTER, INNER, frame)
    assert len(nested) == 2
    for i, (train, test, inner) in enumerate(nested):
        expected_train, expected_test = make_plan(OUTER, frame).fold(i)
        assert train.tolist() == expected_train.tolist()
        assert test.tolist() == expected_test.tolist()
        alone = INNER.split(frame.iloc[train])
        for found, expected in zip(inner, alone, strict=True):
            assert found[0].tolist() == train[expected[0]].tolist()
            assert found[1].tolist() == train[expected[1]].tolist()


def test_both_levels_are_proved():
    frame = panel()
    assert nested_splits(OUTER, INNER, frame).check().verdict == "proved"
    assert nested_splits(OUTER, INNER, frame).check(frame).verdict == "proved"


@pytest.mark.parametrize(("outer", "inner"), [(KFold(3), INNER), (OUTER, KFold(3))])
def test_a_leak_at_one_level_is_a_leak(outer, inner):
    frame = panel()
    times = {"times": frame["t"].to_numpy(), "end_times": frame["end"].to_numpy()}
    routed = {
        OUTER: GroupTimeSeriesSplit(2, end_time=None, test=4),
        INNER: PurgedKFold(3, end_time=None),
    }
    nested = nested_splits(routed.get(outer, outer), routed.get(inner, inner), frame, **times)
    proof = nested.check()
    assert proof.verdict == "violated"
    with pytest.raises(LeakFound, match="P1  violated"):
        proof.raise_if_violated()
    assert str(proof).startswith("outer: split ")


def test_labelled_values_follow_the_rows_of_an_outer_training_set():
    frame = panel()
    shuffled = frame.sample(frac=1, random_state=0)
    routed = (GroupTimeSeriesSplit(2, end_time=None, test=4), PurgedKFold(3, end_time=None))
    by_label = nested_splits(*routed, frame, times=shuffled["t"], end_times=shuffled["end"])
    by_place = nested_splits(
        *routed, frame, times=frame["t"].to_numpy(), end_times=frame["end"].to_numpy()
    )
    assert by_label == by_place


def test_the_fingerprint_covers_both_levels():
    frame = panel()
    plan = nested_splits(OUTER, INNER, frame)
    assert plan.fingerprint.startswith("nested/1:")
    assert plan == nested_splits(OUTER, INNER, frame)
    assert plan != nested_splits(OUTER, PurgedKFold(2, time="t", end_time="end"), frame)
    assert plan != nested_splits(PurgedKFold(2, time="t", end_time="end"), INNER, frame)


def test_inner_folds_are_the_cv_of_a_search_on_the_outer_training_rows():
    frame = panel()
    y = np.arange(len(frame)) % 2
    train, _, inner = next(iter(nested_splits(OUTER, INNER, frame, y)))
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior"]}, cv=inner.as_cv())
    assert search.fit(frame.iloc[train], y[train]).n_splits_ == len(inner) == 3


def test_an_outer_training_set_that_is_too_small_is_named():
    said = r"the 2 training rows of outer fold 0 cannot be split again: Cannot have number of"
    with pytest.raises(SplitError, match=said):
        nested_splits([([0, 1], [2])], KFold(3), np.zeros((3, 1)))
