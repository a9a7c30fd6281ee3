"""Preprocessing under test: what leaks is shown with fold, column and row; what does not passes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.preprocessing import StandardScaler

from repro.errors import LeakFound, SplitError
from repro.splits import check_preprocessing, make_plan

N = 24
RNG = np.random.default_rng(0)
RAW = pd.DataFrame(
    {
        "day": pd.date_range("2024-01-01", periods=N, tz="UTC"),
        "x": np.where(np.arange(N) % 6 == 5, np.nan, RNG.normal(size=N)),
        "city": RNG.choice(list("abc"), N),
        "y": np.arange(N) % 2,
    },
    index=[f"row-{number}" for number in range(N)],
)
FORWARD = make_plan(TimeSeriesSplit(3), RAW)
TEXTS = np.array([f"word{i % 7} and{i}" for i in range(N)], dtype=object)


def global_scaler(raw):
    return (raw[["x"]] - raw["x"].mean()) / raw["x"].std()


def global_target_encoding(raw):
    return raw.assign(city=raw.groupby("city")["y"].transform("mean"))


def global_vocabulary(raw):
    return TfidfVectorizer().fit_transform(raw)


def centred_window(raw):
    return raw["x"].rolling(3, center=True, min_periods=1).mean()


def backward_fill(raw):
    return raw["x"].bfill()


def fold_scaler(raw, train, test):
    scaler = StandardScaler().fit(raw[["x"]].iloc[train])
    return scaler.transform(raw[["x"]].iloc[train]), scaler.transform(raw[["x"]].iloc[test])


def fold_target_encoding(raw, train, test):
    means = raw.iloc[train].groupby("city")["y"].mean()
    return raw["city"].map(means)


def fold_vocabulary(raw, train, test):
    return TfidfVectorizer().fit(raw[train]).transform(raw)


def lags(raw):
    return pd.DataFrame({"lag": raw["x"].shift(1), "mean": raw["x"].rolling(3).mean()})


LEAKS = {
    global_scaler: (RAW, "column 'x'"),
    global_target_encoding: (RAW, "column 'city'"),
    global_vocabulary: (TEXTS, "columns, after the change"),
    centred_window: (RAW, "column 'x'"),
    backward_fill: (RAW, "column 'x'"),
}
CLEAN = {
    fold_scaler: RAW,
    fold_target_encoding: RAW,
    fold_vocabulary: TEXTS,
    lags: RAW,
}


@pytest.mark.parametrize("mode", ["noninterference", "prefix"])
@pytest.mark.parametrize("fn", LEAKS, ids=lambda fn: fn.__name__)
def test_what_uses_rows_of_the_test_side_or_the_future_is_caught(fn, mode):
    raw, said = LEAKS[fn]
    proof = check_preprocessing(fn, raw, FORWARD, mode=mode)
    assert proof.verdict == "violated"
    with pytest.raises(LeakFound, match=said):
        proof.raise_if_violated()


@pytest.mark.parametrize("mode", ["noninterference", "prefix"])
@pytest.mark.parametrize("fn", CLEAN, ids=lambda fn: fn.__name__)
def test_what_is_fitted_in_the_fold_or_looks_back_passes(fn, mode):
    proof = check_preprocessing(fn, CLEAN[fn], FORWARD, mode=mode)
    assert (proof.verdict, str(proof)) == (
        "proved",
        f"preprocessing PROVED: 3 folds of 24 rows, {mode}",
    )
    proof.raise_if_violated()


def test_the_first_row_that_changes_is_shown_with_both_values():
    raw = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]}, index=list("pqrs"))
    proof = check_preprocessing(lambda raw: raw.shift(-1), raw, [([0, 1], [2, 3])], mode="prefix")
    assert str(proof) == (
        "preprocessing VIOLATED: 1 fold of 4 rows, prefix\n"
        "  fold 0: 1 train rows change, first train row 1 'q': column 'a': 3.0, after the change "
        "nan\n"
        "  fix: fit on train rows only, inside the fold, and let features look back only"
    )


def test_a_step_that_gives_two_results_for_one_input_is_no_pass():
    generator = np.random.default_rng(0)
    proof = check_preprocessing(lambda raw: generator.normal(size=len(raw)), RAW, FORWARD)
    assert proof.verdict == "unknown"
    assert "two calls on the same rows differ, in column 0: " in str(proof)
    proof.raise_if_violated()


def test_a_fold_without_train_rows_above_its_test_rows_is_no_pass_in_prefix_mode():
    proof = check_preprocessing(lags, RAW, KFold(3), mode="prefix")
    assert proof.verdict == "unknown"
    assert "fold 0: not checked: no train row lies above the first test row" in str(proof)


def test_a_step_that_refuses_the_changed_rows_is_no_pass():
    def known_cities(raw):
        return raw["city"].map(lambda city: {"a": 0, "b": 1, "c": 2}[city])

    proof = check_preprocessing(known_cities, RAW, FORWARD)
    assert proof.verdict == "unknown"
    assert "it refuses the changed rows: KeyError(" in str(proof)


def test_a_lag_across_the_border_of_a_two_sided_fold_is_caught():
    assert check_preprocessing(lags, RAW, KFold(3)).verdict == "violated"


def test_the_data_are_handed_over_as_copies_and_stay_as_they_are():
    def spoils(raw):
        raw["x"] = 0.0
        return raw[["x"]]

    def spoils_in_the_fold(raw, train, test):
        train[:], test[:] = 0, 0
        return spoils(raw)

    before = RAW.copy()
    for fn in (spoils, spoils_in_the_fold):
        assert check_preprocessing(fn, RAW, FORWARD).verdict == "proved"
    pd.testing.assert_frame_equal(RAW, before)


def test_arrays_of_every_kind_are_scrambled():
    rows = np.arange(12)
    for raw in (rows, rows[::-1], rows % 2 == 0, rows.reshape(6, 2) / 12):
        proof = check_preprocessing(
            lambda raw: raw - raw[-1:] * 1.0, raw, [([0, 1], [4, len(raw) - 1])]
        )
        assert proof.verdict == "violated"


def test_output_with_other_rows_and_input_without_rows_are_refused():
    with pytest.raises(SplitError, match="returned 23 rows for 24 rows"):
        check_preprocessing(lambda raw: raw.iloc[1:], RAW, FORWARD)
    with pytest.raises(SplitError, match=r"raw is a list, .* np.array\(texts, dtype=object\)"):
        check_preprocessing(len, ["a"], FORWARD)


def test_a_look_ahead_over_purged_rows_is_found_in_prefix_mode():
    def ahead(raw):
        return raw.shift(-1)

    raw = pd.DataFrame({"x": np.arange(8.0)})
    gapped = [([0, 1, 2], [5, 6])]
    assert check_preprocessing(ahead, raw, gapped, mode="prefix").verdict == "violated"
    assert check_preprocessing(lambda raw: raw.shift(1), raw, gapped, mode="prefix").verdict == (
        "proved"
    )
