"""Plans: any splitter or list of pairs, frozen, fingerprinted, stored and read back."""

import json
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)

from repro.errors import RecordCorrupt
from repro.splits import GroupTimeSeriesSplit, PurgedKFold, SplitPlan, make_plan
from repro.splits.runs import to_runs

N_ROWS = 12
FRAME = pd.DataFrame(
    {
        "x": np.arange(N_ROWS, dtype=float),
        "day": pd.date_range("2020-01-01", periods=N_ROWS, tz="UTC"),
        "who": list("aabbccddeeff"),
        "id": [f"row-{i}" for i in range(N_ROWS)],
    }
)
LABELS = np.arange(N_ROWS) % 2

SPLITTERS = {
    "KFold": (KFold(3), "exchangeable", {"n_splits": 3, "random_state": None, "shuffle": False}),
    "ShuffleSplit": (
        ShuffleSplit(2, test_size=0.25, random_state=0),
        "exchangeable",
        {"n_splits": 2, "random_state": 0, "test_size": 0.25, "train_size": None},
    ),
    "StratifiedKFold": (
        StratifiedKFold(2, shuffle=True, random_state=1),
        "exchangeable",
        {"n_splits": 2, "random_state": 1, "shuffle": True},
    ),
    "GroupKFold": (
        GroupKFold(3),
        "exchangeable",
        {"n_splits": 3, "random_state": None, "shuffle": False},
    ),
    "TimeSeriesSplit": (
        TimeSeriesSplit(3),
        "walk_forward",
        {"gap": 0, "max_train_size": None, "n_splits": 3, "test_size": None},
    ),
    "RepeatedKFold": (
        RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
        "exchangeable",
        {"n_repeats": 2, "n_splits": 2, "random_state": 0},
    ),
    "PredefinedSplit": (
        PredefinedSplit([0, 1, -1] * 4),
        "exchangeable",
        {"test_fold": "ndarray[12]"},
    ),
}


@pytest.mark.parametrize("name", SPLITTERS)
def test_a_plan_holds_the_folds_of_any_scikit_learn_splitter(name):
    cv, policy, parameters = SPLITTERS[name]
    plan = make_plan(cv, FRAME, LABELS, groups="who")
    groups = FRAME["who"] if name == "GroupKFold" else None
    expected = list(cv.split(FRAME, LABELS, groups))
    assert (plan.splitter, plan.policy, plan.parameters) == (name, policy, parameters)
    assert (plan.n_rows, plan.n_splits) == (N_ROWS, len(expected))
    for found, (train, test) in zip(plan.split(), expected, strict=True):
        assert found[0].tolist() == sorted(train)
        assert found[1].tolist() == sorted(test)


def test_a_list_of_pairs_is_a_plan_also_with_one_fold():
    plan = make_plan([([0, 5, 1], np.array([3]))], FRAME)
    assert (plan.splitter, plan.n_splits, plan.policy) == ("list", 1, "exchangeable")
    assert [side.tolist() for side in plan.fold(0)] == [[0, 1, 5], [3]]


def test_a_splitter_without_times_is_kfold_as_soon_as_rows_have_times():
    assert make_plan(KFold(3), FRAME, times="day").policy == "kfold"
    assert make_plan(TimeSeriesSplit(3), FRAME, times="day").policy == "walk_forward"
    assert make_plan(PurgedKFold(3, time="day", end_time="point"), FRAME).policy == "kfold"
    walk = GroupTimeSeriesSplit(3, time="day", test=2, end_time="point")
    assert make_plan(walk, FRAME).policy == "walk_forward"


def full_plan():
    cv = PurgedKFold(
        3,
        time="day",
        end_time=pd.Timedelta("1D"),
        feature_start=pd.Timedelta("2D"),
        embargo=pd.Timedelta("1D"),
    )
    return make_plan(cv, FRAME, groups="who", row_id="id")


def test_a_plan_keeps_times_groups_and_plain_parameters():
    plan = full_plan()
    days = FRAME["day"].dt.tz_localize(None).to_numpy()
    np.testing.assert_array_equal(plan.times, days)
    np.testing.assert_array_equal(plan.end_times, days + np.timedelta64(1, "D"))
    assert plan.groups.tolist() == list("aabbccddeeff")
    assert plan.parameters["embargo"] == "1 days 00:00:00"
    json.dumps(plan.parameters)
    assert make_plan(KFold(3), FRAME, times=range(N_ROWS)).times.tolist() == list(range(N_ROWS))
    assert make_plan(KFold(3), FRAME).times is None


def test_a_plan_is_read_back_as_it_was_written(tmp_path):
    for number, plan in enumerate([full_plan(), make_plan([([0], [1])], FRAME)]):
        path = tmp_path / f"{number}.plan"
        plan.save(path)
        again = SplitPlan.load(path)
        assert again == plan
        assert again.header() == plan.header()
        assert again.fold(0)[0].tolist() == plan.fold(0)[0].tolist()
    assert SplitPlan.load(tmp_path / "0.plan").row_fingerprint(1) == full_plan().row_fingerprint(1)


def test_a_file_that_is_no_plan_is_refused(tmp_path):
    path = tmp_path / "plan.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(RecordCorrupt, match=r"plan\.npz is not a split plan"):
        SplitPlan.load(path)


@pytest.mark.parametrize("column", ["test_stops", "times", "group_codes", "row_codes"])
def test_a_plan_that_was_altered_is_refused(tmp_path, column):
    path = tmp_path / "plan.npz"
    full_plan().save(path)
    with np.load(path) as stored:
        columns = dict(stored)
    columns[column] = columns[column].copy()
    columns[column][0] = columns[column][0] - 1 if column == "test_stops" else 1
    np.savez(path, **columns)
    with pytest.raises(RecordCorrupt, match="was altered: its content has fingerprint split/1:"):
        SplitPlan.load(path)


def test_a_plan_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        full_plan().n_rows = 3


def test_a_plan_survives_pickling_and_hashing():
    plan = full_plan()
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert {plan, full_plan()} == {plan}


def test_the_fingerprint_sees_every_change_of_what_was_split():
    pairs = [([0, 1, 2], [3, 4])]
    base = {"groups": FRAME["who"], "times": "day", "end_times": "point"}
    changed = [
        make_plan(pairs, FRAME, **base),
        make_plan([([0, 1], [3, 4])], FRAME, **base),
        make_plan([([0, 1, 2], [3])], FRAME, **base),
        make_plan([([3, 4], [0, 1, 2])], FRAME, **base),
        make_plan(pairs, FRAME.iloc[:11], **base),
        make_plan(pairs, FRAME, groups=FRAME["id"], times="day", end_times="point"),
        make_plan(pairs, FRAME, times="day", end_times="point"),
        make_plan(pairs, FRAME, groups="who", times="day"),
        make_plan(
            pairs,
            FRAME,
            groups="who",
            times="day",
            end_times=FRAME["day"].max() + 0 * (FRAME["day"] - FRAME["day"]),
        ),
        make_plan(pairs, FRAME, groups="who"),
        make_plan(tuple(pairs), FRAME, **base),
    ]
    assert len({plan.fingerprint for plan in changed}) == len(changed)
    assert make_plan(pairs, FRAME, row_id="id", **base) == changed[0]
    assert all(plan.fingerprint.startswith("split/1:") for plan in changed)


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_another_process():
    code = (
        "import pandas as pd; from repro.splits import PurgedKFold, make_plan;"
        "X = pd.DataFrame({'t': range(9), 'g': list('abcabcabc')});"
        "plan = make_plan(PurgedKFold(3, time='t', end_time='point'), X, row_id='g');"
        "fingerprint = plan.fingerprint, plan.row_fingerprint(0), plan.fold_digests(0)"
    )
    here: dict[str, object] = {}
    exec(code, here)
    command = [sys.executable, "-c", f"{code}; print(fingerprint)"]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here["fingerprint"])


def test_row_fingerprints_know_the_rows_whatever_their_order():
    order = np.random.default_rng(0).permutation(N_ROWS)
    cv = PurgedKFold(3, time="day", end_time="point")
    plan, shuffled = (
        make_plan(cv, FRAME, row_id="id"),
        make_plan(cv, FRAME.iloc[order], row_id="id"),
    )
    assert plan.fingerprint != shuffled.fingerprint
    assert [plan.row_fingerprint(i) for i in range(3)] == [
        shuffled.row_fingerprint(i) for i in range(3)
    ]
    renamed = make_plan(cv, FRAME.replace({"id": {"row-0": "row-X"}}), row_id="id")
    assert plan.row_fingerprint(0)[1] != renamed.row_fingerprint(0)[1]
    assert plan.row_fingerprint(0)[0] == renamed.row_fingerprint(0)[0]


def test_fold_digests_know_the_positions():
    plan = make_plan([([0, 1], [2]), ([0, 1], [3]), ([2], [0, 1])], FRAME)
    digests = [plan.fold_digests(i) for i in range(3)]
    assert digests[0][0] == digests[1][0] == digests[2][1]
    assert digests[0][1] == digests[2][0] != digests[1][1]
    assert digests[0][0].startswith("sha256:")


def test_a_plan_serves_as_a_scikit_learn_splitter():
    plan = make_plan(KFold(3), FRAME)
    target = FRAME["x"] ** 2
    ours = cross_val_score(Ridge(), FRAME[["x"]], target, cv=plan.as_cv())
    theirs = cross_val_score(Ridge(), FRAME[["x"]], target, cv=KFold(3))
    np.testing.assert_array_equal(ours, theirs)
    assert plan.as_cv().get_n_splits() == 3


def test_a_plan_is_itself_a_list_of_folds_and_a_cv():
    plan = make_plan(KFold(3), FRAME)
    assert len(plan) == plan.get_n_splits() == 3
    for (train, test), (expected_train, expected_test) in zip(
        plan, KFold(3).split(FRAME), strict=True
    ):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(test, expected_test)
    scores = (
        cross_val_score(Ridge(), FRAME[["x"]], FRAME["x"] ** 2, cv=cv) for cv in (plan, KFold(3))
    )
    np.testing.assert_array_equal(*scores)


def test_plans_made_by_earlier_versions_are_recognised():
    plan = full_plan()
    assert (
        plan.fingerprint
        == "split/1:ed123b26e7c9e3bc057bf77eda0a9491f9bd1b2cfa7c403f01bd9d1b47f7db73"
    )
    assert (
        plan.row_fingerprint(1)[0]
        == "blake3:09199ee7a8d251ae3a111069e5e4537f862a256f6bf79ce6aba2c3fb1f222a1d"
    )
    assert (
        plan.fold_digests(1)[1]
        == "sha256:f31e29e6cd08bbf64dba2ab49941c71363b22897062e1fc2b28b7390e7a44353"
    )


def test_the_row_digest_knows_the_split_of_the_rows_whatever_their_order():
    order = np.random.default_rng(0).permutation(N_ROWS)
    cv = PurgedKFold(3, time="day", end_time="point")
    plan = make_plan(cv, FRAME, row_id="id")
    assert plan.row_digest == make_plan(cv, FRAME.iloc[order], row_id="id").row_digest
    others = [
        make_plan(cv, FRAME.replace({"id": {"row-0": "row-X"}}), row_id="id"),
        make_plan(PurgedKFold(4, time="day", end_time="point"), FRAME, row_id="id"),
        make_plan(list(plan), FRAME, row_id="id"),
    ]
    assert len({plan.row_digest, *(other.row_digest for other in others)}) == 4
    assert plan.row_digest.startswith("split-rows/1:")


def test_identities_of_several_kinds_are_hashed_as_those_of_their_fold():
    mixed = [0, 1, 2, "a", "b", "c"]
    plan = make_plan([([0, 1, 2], [3, 4, 5])], range(6), row_id=mixed)
    numbers = make_plan([([0, 1, 2], [3])], range(4), row_id=[0, 1, 2, 3])
    assert plan.row_fingerprint(0)[0] == numbers.row_fingerprint(0)[0]


def test_many_short_runs_are_held_like_few():
    rows = np.arange(0, 9_000, 3)
    runs = to_runs(rows, 9_000, "train")
    np.testing.assert_array_equal(runs.positions(), rows)
    np.testing.assert_array_equal(np.flatnonzero(runs.mask(9_000)), rows)
    last = to_runs([*rows, 8_999], 9_000, "train")
    assert last.mask(9_000)[-2:].tolist() == [False, True]


@given(st.sets(st.integers(0, 99), min_size=1))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_runs_hold_any_set_of_rows(rows):
    runs = to_runs(list(rows)[::-1], 100, "train")
    assert runs.positions().tolist() == sorted(rows)
    assert runs.n_rows == len(rows)
    mask = np.zeros(100, dtype=bool)
    mask[sorted(rows)] = True
    assert runs.bitmap(100) == np.packbits(mask).tobytes()


def test_importing_the_package_loads_no_scikit_learn():
    code = "import sys, repro.splits; print('sklearn' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_plans_and_proofs_load_no_scikit_learn():
    code = "import sys; from repro.splits import make_plan, check_split; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sklearn" not in done.stdout.split()
