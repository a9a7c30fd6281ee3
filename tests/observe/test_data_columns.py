import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from repro.digest import table
from repro.observe import columns
from repro.observe.columns import look

FRAME = pd.DataFrame(
    {
        "x": [1.0, np.nan, 3.0, 3.0],
        "n": pd.array([1, None, 0, 0], "Int64"),
        "text": ["a", None, "a", "b"],
        "t": pd.to_datetime(["2026-01-01", None, "2026-01-02", "9999-01-01"]),
        "c": [1j, np.nan, 2j, 2 + 1j],
        "big": pd.Series([0, 2**64 - 1, 0, 0], dtype="uint64"),
    }
)


def told(data):
    return {column.name: column for column in look(table(data)).columns}


def test_each_column_is_told_with_its_distinct_and_missing_values():
    found = {n: (c.dtype, c.n_distinct, c.n_missing) for n, c in told(FRAME).items()}
    assert found == {
        "x": ("float64", 2, 1),
        "n": ("int64", 2, 1),
        "text": ("text", 2, 1),
        "t": ("datetime", 3, 1),
        "c": ("complex128", 3, 1),
        "big": ("uint64", 2, 0),
    }


def test_a_changed_cell_changes_the_digest_of_its_column_alone():
    before = told(FRAME)
    for name in FRAME.columns:
        frame = FRAME.copy()
        frame.loc[2, name] = FRAME.loc[1, name] if name != "big" else 2**63
        after = told(frame)
        assert {n for n in after if after[n].digest != before[n].digest} == {name}


def test_a_column_has_the_same_digest_in_another_library():
    frame = FRAME[["x", "n", "text", "t"]]
    ours, theirs = told(frame), told(pl.DataFrame(frame))
    assert [c.digest for c in ours.values()] == [c.digest for c in theirs.values()]


def test_a_missing_integer_is_not_the_value_beneath_it():
    with_zero, with_none = (told(pd.DataFrame({"a": pd.array(v, "Int64")})) for v in ([0], [None]))
    assert with_zero["a"].digest != with_none["a"].digest


def test_columns_of_an_array_are_numbered_and_labels_named():
    names = told((np.zeros((2, 3)), np.zeros(2))).keys()
    assert list(names) == ["x[0]", "x[1]", "x[2]", "label"]


def test_columns_of_one_name_are_told_apart():
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "a"])
    assert list(told(frame)) == ["a", "a (2)", "a (3)"]


@pytest.mark.parametrize(
    ("data", "n_distinct"),
    [
        (np.arange(24.0).reshape(2, 3, 4), 2),
        (np.zeros((2, 1_001)), 1),
        (sparse.csr_matrix(np.eye(2, 1_001)), 2),
    ],
    ids=["pictures", "wide", "sparse"],
)
def test_what_is_no_row_of_columns_is_told_as_one(data, n_distinct):
    (column,) = look(table(data)).columns
    assert (column.name, column.n_distinct, column.n_missing) == ("x", n_distinct, 0)


def test_more_columns_than_can_be_told_apart_are_one(monkeypatch):
    monkeypatch.setattr(columns, "COLUMNS", 3)
    frame = pd.DataFrame({"a": [1], "b": ["x"], "c": [2], "d": [None]})
    (column,) = look(table(frame)).columns
    assert (column.name, column.dtype, column.n_distinct) == ("4 columns", "mixed", 1)
    assert column.n_missing == 1


def test_a_sparse_matrix_says_what_its_dense_one_says():
    dense = np.eye(4, 6)
    assert told(sparse.csr_matrix(dense)) == told(dense)
