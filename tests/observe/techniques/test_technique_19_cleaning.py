"""Row 19: cleaning and standardizing, as far as the rows show it."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_breast_cancer

from repro.facts.cleaning import Cleaning
from repro.observe import cleanliness
from repro.observe.data_book import DataBook

RNG = np.random.default_rng(0)
RAW = RNG.normal(50, 7, size=(400, 3))
LABELS = np.arange(400) % 2


def told(**roles) -> Cleaning:
    book = DataBook([])
    book.log(roles, group=None, time=None)
    return book.cleaning()


def columns(data):
    (role,) = told(train=data).roles
    return {column.name: column for column in role.columns}


def scaling(data):
    return told(train=data).roles[0].scaling


def standardized(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def test_technique_19_cleaning_tells_missing_infinite_and_outlying_values_apart():
    values = np.arange(100.0)
    values[:10], values[10:12], values[99] = np.nan, np.inf, 1e6
    column = columns(pd.DataFrame({"age": values}))["age"]
    assert (column.missing_share, column.infinite_share) == (0.1, 0.02)
    assert column.outlier_share == pytest.approx(1 / 88, rel=1e-5)
    assert (column.lowest, column.highest) == (12.0, 1e6)


def test_technique_19_cleaning_calls_outlying_what_is_five_deviations_from_the_median():
    values = np.random.default_rng(0).normal(10, 2, size=1000).clip(4, 16)
    values[:3] = 10 - 2 * 4, 10 + 2 * 6, 10 - 2 * 7
    assert columns(values.reshape(-1, 1))["x[1]"].outlier_share == 0.002


def test_technique_19_cleaning_knows_missing_integers():
    column = columns(pd.DataFrame({"n": pd.array([1, None, 3, 5], dtype="Int64")}))["n"]
    assert (column.missing_share, column.mean) == (0.25, 3.0)


def test_technique_19_cleaning_of_a_column_without_any_number_has_no_moments():
    column = columns(np.full((5, 1), np.nan))["x[1]"]
    assert (column.missing_share, column.mean, column.outlier_share) == (1.0, None, None)


def test_technique_19_cleaning_calls_columns_as_the_data_do():
    frame = pd.DataFrame({"a,b": [1.0, 2.0], "c[0]": [1.0, 2.0]})
    assert list(columns(frame)) == ["a,b", "c[0]"]
    assert list(columns(np.ones(3))) == ["x"]
    assert list(columns(np.ones((3, 2)))) == ["x[0]", "x[1]"]


def test_technique_19_cleaning_tells_no_outliers_where_most_values_are_one():
    assert columns(np.array([0.0] * 9 + [1.0]).reshape(-1, 1))["x[1]"].outlier_share is None


def test_technique_19_cleaning_counts_rows_that_repeat_others():
    rows = np.vstack([RAW, RAW[:100]])
    assert told(train=rows).roles[0].duplicate_share == 0.2
    labels = np.append(LABELS, 1 - LABELS[:100])  # the same features, another label
    assert told(train=(rows, labels)).roles[0].duplicate_share == 0.0


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (RAW, "raw"),
        ((RAW, LABELS), "raw"),
        (standardized(RAW), "standardized"),
        ((standardized(RAW), LABELS), "standardized"),
        (torch.tensor(standardized(RAW)), "standardized"),
        (pd.DataFrame(standardized(RAW)).assign(label=LABELS), "standardized"),
        (standardized(RAW)[::7], "standardized"),
        (RAW / RAW.max(), "min_max"),
        (2 * (RAW - RAW.min()) / (RAW.max() - RAW.min()) - 1, "min_max"),
        (np.hstack([RAW, LABELS.reshape(-1, 1), np.ones((400, 1))]), "raw"),
        (np.tile(LABELS.reshape(-1, 1), 3), None),
        (pd.DataFrame({"text": ["a", "b"]}), None),
        (RNG.integers(0, 256, size=(50, 1, 8, 8), dtype=np.uint8), "raw"),
        (RNG.normal(0.02, 0.98, size=(50, 3, 8, 8)).astype(np.float32), "standardized"),
        (scipy.sparse.csr_matrix(RAW / RAW.max()), "min_max"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_technique_19_standardizing_is_one_word_for_the_training_rows(data, word):
    assert scaling(data) == word


def test_technique_19_standardizing_is_the_same_word_whatever_the_seed():
    pool = standardized(RNG.exponential(size=(500, 8)))  # before it was split, and skewed
    for seed in range(20):
        rows = np.random.default_rng(seed).permutation(500)[:120]
        assert scaling(pool[rows]) == "standardized"


def test_technique_19_standardizing_is_told_of_the_training_rows_alone():
    train, test = told(train=RAW, test=RAW[:5]).roles
    assert (train.scaling, test.scaling) == ("raw", None)
    assert (train.role, test.role) == ("train", "test")


def test_technique_19_cleaning_compares_the_word_alone():
    flat = told(train=RAW).flat()
    compared = {path for path in flat if not path.startswith("cleaning.train.columns.")}
    assert compared == {"cleaning.train.scaling", "cleaning.train.duplicate_share"}
    assert "cleaning.*.duplicate_share" in Cleaning.IGNORED


def test_technique_19_cleaning_is_bounded(monkeypatch):
    monkeypatch.setattr(cleanliness, "ROWS", 10)
    monkeypatch.setattr(cleanliness, "COLUMNS", 2)
    monkeypatch.setattr(cleanliness, "PIXELS", 64)
    seen = []
    look = cleanliness._column
    monkeypatch.setattr(
        cleanliness, "_column", lambda name, values: seen.append(len(values)) or look(name, values)
    )
    assert list(columns(RAW)) == ["x[0]", "x[1]"]
    columns(np.ones((100, 1, 4, 4)))
    assert seen == [10, 10, 64]


def test_technique_19_cleaning_changes_nothing():
    values = RAW.copy()
    values[0, 0] = np.nan
    before = values.copy()
    told(train=values)
    np.testing.assert_array_equal(values, before)


def test_technique_19_cleaning_that_cannot_be_looked_at_does_not_stop_the_run(monkeypatch):
    def broken(content):
        raise ValueError("no")

    monkeypatch.setattr(cleanliness, "look", broken)
    absent = told(train=RAW)
    assert (absent.kind, absent.reason) == ("failed", "ValueError: no")


def test_technique_19_cleaning_without_rows_says_what_to_call():
    absent = DataBook([]).cleaning()
    assert (absent.kind, absent.reason) == (
        "not_recorded",
        "no rows were handed over: run.log_data(...)",
    )


def test_technique_19_columns_that_are_small_by_nature_were_not_scaled():
    X, y = load_breast_cancer(return_X_y=True)
    assert scaling((X, y)) == "raw"
