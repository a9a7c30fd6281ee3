"""What is evidence for a proof: plans filled up, Series by their values, one order of rows."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from repro.errors import RecordCorrupt, SplitError
from repro.splits import (
    Proved,
    PurgedKFold,
    SplitPlan,
    Violated,
    check_split,
    make_plan,
    nested_splits,
    temporal_holdout,
)

N_ROWS = 60
X = np.arange(float(N_ROWS)).reshape(-1, 1)
TIMES = pd.date_range("2024", periods=N_ROWS, tz="UTC")
FRAME = pd.DataFrame(X, columns=["x"], index=[f"r{i}" for i in range(N_ROWS)])
WINDOWED = make_plan(PurgedKFold(3, end_time="5D", feature_start="2D"), X, times=TIMES)


def violated(proof):
    folds = proof.table
    return {name for fold in folds for name, result in fold.items() if isinstance(result, Violated)}


FILLED = {
    "nothing": {},
    "times": {"times": TIMES},
    "ends": {"end_times": TIMES + pd.Timedelta("5D")},
    "windows": {"feature_start": TIMES - pd.Timedelta("2D")},
    "times and windows": {"times": TIMES, "feature_start": TIMES - pd.Timedelta("2D")},
}


@pytest.mark.parametrize("case", FILLED)
def test_what_a_call_does_not_say_is_taken_from_the_plan(case):
    proof = check_split(WINDOWED, X, **FILLED[case])
    assert proof.verdict == "proved"
    assert {proof.table[1][name] for name in ("P1", "F1")} == {Proved()}


def test_what_a_call_says_wins_over_the_plan():
    assert violated(check_split(WINDOWED, X, end_times="9D")) == {"P1", "F1"}
    assert violated(check_split(WINDOWED, X, feature_start="20D")) == {"F1"}
    numbers = {"times": range(N_ROWS), "end_times": "point", "feature_start": range(N_ROWS)}
    assert check_split(WINDOWED, X, **numbers).verdict == "proved"
    with pytest.raises(SplitError, match="A label cannot be known before its row's time"):
        check_split(WINDOWED, X, times=TIMES + pd.Timedelta("30D"))
    with pytest.raises(SplitError, match="the feature_start of the plan lies after the time"):
        check_split(WINDOWED, X, times=TIMES - pd.Timedelta("3D"))


def test_a_series_of_numbers_is_row_numbers_whatever_its_labels():
    order = np.random.default_rng(0).permutation(N_ROWS)
    shuffled = [(pd.Series(order[:40]), pd.Series(order[40:], index=range(40, 60)))]
    plain = [(order[:40], order[40:])]
    for data in (pd.DataFrame(X), X, pd.Series(np.arange(N_ROWS))):
        assert make_plan(shuffled, data).fold(0)[1].tolist() == sorted(order[40:])
        timed = {"times": TIMES, "end_times": "point", "policy": "walk_forward"}
        assert violated(check_split(shuffled, data, **timed)) == {"T1"}
    assert make_plan(shuffled, X).folds[0].test.n_rows == make_plan(plain, X).folds[0].test.n_rows


def test_a_series_of_booleans_is_a_mask_in_the_order_of_x():
    late = pd.Series(np.arange(N_ROWS) >= 40, index=FRAME.index)
    folds = [(~late[::-1].astype("boolean"), late)]
    train, test = make_plan(folds, FRAME).fold(0)
    assert (train.tolist(), test.tolist()) == ([*range(40)], [*range(40, 60)])
    proof = check_split(folds, FRAME, times=TIMES, end_times="point", policy="walk_forward")
    assert proof.verdict == "proved"


def test_a_piece_of_a_column_goes_by_label():
    numbers = pd.Series(np.arange(N_ROWS)[::-1], index=FRAME.index)
    for data in (FRAME["x"], FRAME, numbers + 100):
        column = data["x"] if isinstance(data, pd.DataFrame) else data
        train, test = make_plan([(column[:40], column[40:])], data).fold(0)
        assert (len(train), test.tolist()) == (40, [*range(40, 60)])
    for kind in ("int64", "float64", "object"):
        odd = numbers.astype(kind)
        with pytest.raises(SplitError, match=f"train is a Series of {kind} like X: row numbers"):
            check_split([(odd[:20], odd[20:])], odd)


@pytest.mark.parametrize("check", [check_split, make_plan])
def test_masks_and_lists_of_tests_are_read_alike(check):
    mask = np.arange(N_ROWS) < 20
    found = check([(mask, [np.arange(20, 30), np.arange(40, 60)])], X)
    if check is make_plan:
        train, test = found.fold(0)
        assert (train.tolist(), len(test)) == ([*range(20)], 30)
    else:
        assert found.verdict == "proved"


COPIED = pd.DataFrame(
    {"t": [1, 2, 3, 4], "point": [0, 1, 2, 3], "x": [5.0, 6.0, 5.0, 6.0]},
)
PAIR = [([0, 1], [2, 3])]


def copies(source, data, **named):
    return check_split(source, data, **named, duplicates="forbid").table[0]["D1"]


def test_a_plan_knows_which_columns_are_no_features(tmp_path):
    data = COPIED[["t", "x"]]
    named = {"times": "t", "end_times": "point"}
    plan = make_plan(PAIR, data, **named)
    plan.save(tmp_path / "plan.npz")
    for source in (plan, SplitPlan.load(tmp_path / "plan.npz")):
        assert copies(source, data) == copies(PAIR, data, **named)
        assert copies(source, data).count == 2
    assert plan == make_plan(PAIR, data, times=data["t"], end_times="point")
    parts = temporal_holdout(data, time="t", end_time="point", valid=1, test=1)
    assert parts.plan().key_columns == ("'t'",)
    assert check_split(parts, data).policy == "walk_forward"


def test_columns_of_any_name_are_no_features_and_a_point_is_no_column():
    tuples = COPIED[["t", "x"]].set_axis([("a", "t"), ("a", "x")], axis=1)
    cv = PurgedKFold(2, time=("a", "t"), end_time="point")
    dated = COPIED[["t", "x"]].set_axis([pd.Timestamp("2024"), "x"], axis=1)
    by_day = PurgedKFold(2, time=pd.Timestamp("2024"), end_time="point")
    for source, data in ((cv, tuples), (by_day, dated)):
        assert copies(source, data).count == 2
        assert copies(make_plan(source, data), data).count == 2
    assert copies(PAIR, COPIED, times="t", end_times="point") == Proved()


def altered(path, **columns):
    with np.load(path) as stored:
        content = {name: stored[name] for name in stored.files}
    np.savez(path, **{**content, **columns})


FORGED = {
    "no order": {"train_starts": [20, 40, 0, 0], "train_stops": [60, 60, 20, 40]},
    "beyond the rows": {"test_stops": [20, 40, 99]},
    "below the rows": {"test_starts": [-1, 20, 40]},
    "runs that meet": {"test_counts": [2, 1, 1], "test_starts": [0, 9, 20, 40],
                       "test_stops": [9, 20, 40, 60]},
    "runs that overlap": {"test_counts": [2, 1, 1], "test_starts": [0, 9, 20, 40],
                          "test_stops": [12, 20, 40, 60]},
    "fewer runs": {"test_counts": [1, 1, 2]},
    "no folds": {"test_counts": [], "train_counts": []},
    "no header": {"header": np.frombuffer(json.dumps({}).encode(), np.uint8)},
}  # fmt: skip


def test_a_file_that_does_not_name_the_key_columns_is_read(tmp_path):
    path = tmp_path / "plan.npz"
    plan = make_plan(PAIR, COPIED, times="t")
    plan.save(path)
    with np.load(path) as stored:
        header = json.loads(stored["header"].tobytes())
    del header["key_columns"]
    altered(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    assert (SplitPlan.load(path), SplitPlan.load(path).key_columns) == (plan, ())


@pytest.mark.parametrize("case", FORGED)
def test_a_file_whose_runs_are_no_sets_of_rows_is_corrupt(tmp_path, case):
    path = tmp_path / "plan.npz"
    make_plan(KFold(3), X).save(path)
    columns = {name: np.asarray(values) for name, values in FORGED[case].items()}
    altered(path, **columns)
    with pytest.raises(RecordCorrupt, match="is not a split plan"):
        SplitPlan.load(path)


def test_flipped_bits_make_a_file_corrupt_and_raise_nothing_else(tmp_path):
    path = tmp_path / "plan.npz"
    plan = make_plan(KFold(3), X[:6])
    plan.save(path)
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")  # the table of contents of the archive
    for place, bit in product(range(start, start + 30), (1, 8)):
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        try:
            assert SplitPlan.load(path) == plan
        except RecordCorrupt:
            continue


def test_y_is_aligned_by_label_as_groups_and_times_are():
    classes = pd.Series(["a"] * 30 + ["b"] * 30, index=FRAME.index)
    plan = make_plan(StratifiedKFold(3), FRAME, classes[::-1])
    assert plan == make_plan(StratifiedKFold(3), FRAME, classes)
    nested = nested_splits(StratifiedKFold(2), StratifiedKFold(2), FRAME, classes[::-1])
    assert nested == nested_splits(StratifiedKFold(2), StratifiedKFold(2), FRAME, classes)
    assert nested.check(FRAME, classes[::-1]).verdict == "proved"
    half = [(range(30), range(30, 60))]
    mixed = classes.to_frame()[::-1]
    assert violated(check_split(half, FRAME, classes[::-1])) == {"V2"}
    assert check_split(half, FRAME, mixed).table[0]["D1"] == Proved()
    for call in (check_split, make_plan):
        with pytest.raises(SplitError, match="y has no value for 60 of 60 rows of X, first for"):
            call(half, FRAME, classes.reset_index(drop=True))


LISTS = [[1]] * N_ROWS
PARTS = temporal_holdout(FRAME, time=TIMES, end_time="point", valid="5D", test="5D")
NA_INDEX = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index([pd.NA, 7], dtype="Int64"))
REFUSALS = {
    "a number": (
        lambda: check_split(5, X),
        "5 is no split. Pass a splitter such as KFold(5), or a list of pairs (training rows, test "
        "rows).",
    ),
    "nothing": (
        lambda: check_split(None, X),
        "None is no split. Pass a splitter such as KFold(5), or a list of pairs (training rows, "
        "test rows).",
    ),
    "a class": (
        lambda: check_split(KFold, X),
        "KFold is a class. Pass a splitter made from it: KFold(...).",
    ),
    "a class of ours": (
        lambda: make_plan(PurgedKFold, X),
        "PurgedKFold is a class. Pass a splitter made from it: PurgedKFold(...).",
    ),
    "no times": (
        lambda: check_split([([0], [1])], times=[]),
        "times has no rows; there is nothing to check. Pass one per row.",
    ),
    "lists as groups": (
        lambda: check_split(KFold(2), X, groups=LISTS),
        "groups holds [1], a list, which is no name: unhashable type: 'list'. Give each row a "
        "text or a number.",
    ),
    "no list of classes": (
        lambda: check_split(KFold(2), X, required=None),
        "required=None is no list. Pass a list of classes or groups.",
    ),
    "one estimator": (
        lambda: check_split(KFold(2), X, estimators=StandardScaler()),
        "estimators=StandardScaler() is no list. Pass one fitted estimator per fold, in the order "
        "of the folds.",
    ),
    "one pipeline": (
        lambda: check_split(KFold(2), X, estimators=make_pipeline("passthrough")),
        "estimators=Pipeline(steps=[('passthrough', 'passthrough')]) is no list. Pass one fitted "
        "estimator per fold, in the order of the folds.",
    ),
    "floats that may be rows": (
        lambda: check_split([(pd.Series([1.0, 0.0]), [2])], pd.DataFrame(X)),
        "train is a Series of float64 such as 1.0: row numbers, or a column of the "
        "data? Pass whole numbers (.astype(int)), a mask (.astype(bool)), or a DataFrame "
        "(.to_frame()), whose rows are found by label.",
    ),
    "rows that are missing": (
        lambda: check_split([(pd.Series([1, None], dtype="Int64"), [2])], X),
        "train is a Series of Int64 with missing values, first for label 1. Fill them, or pass "
        "row numbers.",
    ),
    "numbers and lists as rows": (
        lambda: make_plan([([0, [1]], [2])], X),
        "train of fold 0 must be a list of row numbers; it is object of shape (2,).",
    ),
    "three parts": (
        lambda: make_plan(PARTS, FRAME),
        "a TemporalHoldout makes its own plan. Call its plan().",
    ),
    "a table of other rows": (
        lambda: make_plan([(FRAME[:2], FRAME[2:3].rename({"r2": "q"}))], FRAME),
        "test of fold 0 has label 'q', which X does not have. Pass tables that were cut from X, "
        "or row numbers.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_evidence_is_refused_with_the_value_and_the_fix(case):
    call, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        call()
    assert str(caught.value) == message


def test_a_row_whose_label_is_missing_can_be_a_witness():
    proof = check_split([([0, 1], [0])], NA_INDEX)
    assert str(proof.table[0]["B0"].witnesses[0]) == "train row 0 '<NA>' | test row 0 '<NA>'"


def test_values_without_a_hash_are_no_classes():
    for y in (pd.Series(LISTS), [[1], [1, 2]] * 30):
        assert str(check_split(KFold(2), X, y).table[0]["V2"]).startswith("y holds no classes")
