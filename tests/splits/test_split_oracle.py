"""Index for index what plain loops over sets of rows say, for up to 60 rows."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from repro.errors import SplitError
from repro.splits import (
    CombinatorialPurgedKFold,
    GroupTimeSeriesSplit,
    PurgedKFold,
    StratifiedGroupPurgedKFold,
)

NAMED = {"time": "t", "end_time": "end"}
few = settings(max_examples=30, deadline=None, derandomize=True)
many = settings(few, max_examples=100)


@st.composite
def panels(draw):
    n_rows = draw(st.integers(8, 60))
    latest = draw(st.integers(6, 50))
    numbers = st.lists(st.integers(0, latest), min_size=n_rows, max_size=n_rows)
    lengths = st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=n_rows, max_size=n_rows)
    start = np.array(draw(numbers))
    return pd.DataFrame(
        {
            "t": start,
            "end": start + np.array(draw(lengths)),
            "opened": start - np.array(draw(lengths)),
            "g": np.array(draw(numbers)) % 9,
        }
    )


def moments(frame, is_half_open):
    """For each row: opened, start, and the set of moments at which its label is being made."""
    for t, end, opened in frame[["t", "end", "opened"]].itertuples(index=False):
        last = end - 1 if is_half_open and end > t else end
        yield opened, t, set(range(t, last + 1))


def may_train(row, tests, embargo, ticks, sees_windows):
    """Nothing of the row meets a test label, and it starts outside of every embargo."""
    opened, start, label = row
    for _, test_start, test_label in tests:
        if label & test_label:
            return False
        window = set(range(opened, start + 1))
        if sees_windows and window & (test_label - {test_start}):
            return False
    return not any(start in after for after in embargoes(tests, embargo, ticks))


def embargoes(tests, embargo, ticks):
    """The `embargo` ticks after the last label of each run of neighbouring test ticks."""
    test_ticks = {start for _, start, _ in tests}
    runs, run = [], []
    for tick in [*ticks, None]:
        if tick in test_ticks:
            run.append(tick)
        elif run:
            runs.append(run)
            run = []
    for run in runs:
        last = max(max(label) for _, start, label in tests if start in run)
        yield [tick for tick in ticks if tick > last][:embargo]


def blocks_of(ticks, n_blocks):
    """Neighbouring ticks in blocks; the first blocks get what does not divide."""
    size, rest = divmod(len(ticks), n_blocks)
    blocks, at = [], 0
    for number in range(n_blocks):
        blocks.append(ticks[at : at + size + (number < rest)])
        at += len(blocks[-1])
    return blocks


def folds_by_hand(frame, n_blocks, n_test_blocks, embargo, *, is_half_open, sees_windows):
    rows = list(moments(frame, is_half_open))
    ticks = sorted(set(frame["t"]))
    if len(ticks) < n_blocks:
        return "refused"
    folds = []
    for chosen in combinations(blocks_of(ticks, n_blocks), n_test_blocks):
        test = [i for i, row in enumerate(rows) if any(row[1] in block for block in chosen)]
        tests = [rows[i] for i in test]
        train = [
            i
            for i, row in enumerate(rows)
            if i not in test and may_train(row, tests, embargo, ticks, sees_windows)
        ]
        folds.append((train, test))
    return folds if all(train for train, _ in folds) else "refused"


def folds_of(cv, frame, **given):
    try:
        return [(train.tolist(), test.tolist()) for train, test in cv.split(frame, **given)]
    except SplitError:
        return "refused"


@pytest.mark.slow
@many
@given(panels(), st.integers(2, 5), st.integers(0, 3), st.booleans(), st.booleans())
def test_purged_folds_are_those_of_plain_loops(
    frame, n_splits, embargo, is_half_open, sees_windows
):
    cv = PurgedKFold(
        n_splits,
        **NAMED,
        embargo=embargo,
        closed="left" if is_half_open else "both",
        feature_start="opened" if sees_windows else None,
    )
    expected = folds_by_hand(
        frame, n_splits, 1, embargo, is_half_open=is_half_open, sees_windows=sees_windows
    )
    assert folds_of(cv, frame) == expected


@pytest.mark.slow
@many
@given(
    panels(),
    st.sampled_from([(3, 1), (3, 2), (5, 2), (5, 3)]),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
def test_combinatorial_folds_are_those_of_plain_loops(
    frame, blocks, embargo, is_half_open, sees_windows
):
    cv = CombinatorialPurgedKFold(
        *blocks,
        **NAMED,
        embargo=embargo,
        closed="left" if is_half_open else "both",
        feature_start="opened" if sees_windows else None,
    )
    expected = folds_by_hand(
        frame, *blocks, embargo, is_half_open=is_half_open, sees_windows=sees_windows
    )
    assert folds_of(cv, frame) == expected


def walk_by_hand(frame, n_splits, test, step, gap, train, groups_policy):
    ticks = sorted(set(frame["t"]))
    firsts, at = [], len(ticks) - test
    while at > 0 and len(firsts) < n_splits:
        firsts.append(at)
        at -= step
    if len(firsts) < n_splits:
        # A window that the data cut short at their beginning is no window to walk forward from.
        return "refused"
    folds = []
    for first in reversed(firsts):
        cutoff = max(first - gap, 0)
        since = 0 if train is None else max(cutoff - train, 0)
        rows = list(zip(frame["t"], frame["end"], frame["g"], strict=True))
        tested = [i for i, (t, _, _) in enumerate(rows) if t in ticks[first : first + test]]
        trained = [
            i for i, (t, end, _) in enumerate(rows) if t >= ticks[since] and end < ticks[cutoff]
        ]
        if groups_policy == "disjoint":
            taken = {rows[i][2] for i in tested}
            trained = [i for i in trained if rows[i][2] not in taken]
        if groups_policy == "unseen":
            taken = {rows[i][2] for i in trained}
            tested = [i for i in tested if rows[i][2] not in taken]
        folds.append((trained, tested))
    return folds if all(train and test for train, test in folds) else "refused"


@pytest.mark.slow
@few
@given(
    panels(),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 2),
    st.sampled_from([None, 3, 8]),
    st.sampled_from(["ignore", "disjoint", "unseen"]),
)
def test_walk_forward_folds_are_those_of_plain_loops(
    frame, n_splits, test, step, gap, train, groups_policy
):
    cv = GroupTimeSeriesSplit(
        n_splits,
        **NAMED,
        test=test,
        step=step,
        gap=gap,
        train=train,
        window="expanding" if train is None else "rolling",
        groups_policy=groups_policy,
    )
    expected = walk_by_hand(frame, n_splits, test, step, gap, train, groups_policy)
    assert folds_of(cv, frame, groups=frame["g"]) == expected


def groups_by_hand(frame, y, n_splits):
    if frame["g"].nunique() < n_splits:
        return "refused"
    rows = list(moments(frame, is_half_open=False))
    ticks = sorted(set(frame["t"]))
    folds = []
    for others, test in StratifiedGroupKFold(n_splits).split(frame, y, frame["g"]):
        tests = [rows[i] for i in test]
        train = [i for i in others.tolist() if may_train(rows[i], tests, 0, ticks, False)]
        folds.append((train, test.tolist()))
    return folds if all(train and test for train, test in folds) else "refused"


@pytest.mark.slow
@few
@given(panels(), st.integers(2, 4))
def test_folds_of_groups_are_those_of_plain_loops(frame, n_splits):
    y = np.zeros(len(frame), dtype=int)  # classes are another test
    cv = StratifiedGroupPurgedKFold(n_splits, **NAMED)
    assert folds_of(cv, frame, y=y, groups=frame["g"]) == groups_by_hand(frame, y, n_splits)
