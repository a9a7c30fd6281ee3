import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from repro.digest import table
from repro.observe import label_fit
from repro.observe.data_book import DataBook

RNG = np.random.default_rng(0)


def fact(train, test):
    book = DataBook([])
    book.log({"train": train, "test": test}, group=None, time=None)
    return book.at_end()


def strange(train, test):
    return {one.column: one for one in fact(train, test).overlaps[0].strange}


def told(X, y):
    return label_fit.look(table((X, y)))


def test_the_range_of_a_column_is_that_of_its_finite_numbers():
    whole = pd.array([5, None, 0, 7], "Int64")
    frame = pd.DataFrame({"x": [1.0, np.nan, -np.inf, 3.0], "n": whole, "t": list("abcd")})
    found = {c.name: (c.lowest, c.highest) for c in fact(frame, frame).roles[0].columns}
    assert found == {"x": (1.0, 3.0), "n": (0.0, 7.0), "t": (None, None)}


def test_numbers_beyond_train_and_categories_that_it_never_held_are_counted():
    train = pd.DataFrame({"x": np.arange(100.0), "c": ["a", "b"] * 50, "y": [1] * 100})
    test = pd.DataFrame({"x": np.arange(90.0, 110.0), "c": ["a", "z"] * 10, "y": [1] * 20})
    found = strange(train, test)
    assert (found["x"].n_outside, found["x"].n_unseen) == (10, None)
    assert (found["c"].n_outside, found["c"].n_unseen, found["c"].once_share) == (None, 10, 0.0)
    assert "y" not in found


def test_missing_values_are_neither_outside_nor_unseen():
    train = pd.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"], "n": pd.array([1, 2], "Int64")})
    test = pd.DataFrame({"x": [np.nan] * 2, "c": [None] * 2, "n": pd.array([None, 1], "Int64")})
    assert strange(train, test) == {}


def test_values_that_train_holds_once_are_counted():
    found = strange(pd.DataFrame({"id": list("abcd")}), pd.DataFrame({"id": list("efgh")}))
    assert (found["id"].n_unseen, found["id"].once_share) == (4, 1.0)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_copy_of_the_label_tells_it_and_noise_does_not(n_classes):
    y = RNG.integers(0, n_classes, 600)
    found = told(pd.DataFrame({"copy": y * 3 - 1, "named": y.astype(str), "z": RNG.random(600)}), y)
    assert found["copy"] == found["named"] == 1
    assert found["z"] < 0.7


def test_the_area_is_that_of_the_curve():
    from sklearn.metrics import roc_auc_score

    y = RNG.integers(0, 2, 20_000)
    x = y + RNG.normal(size=20_000)
    assert told(x.reshape(-1, 1), y)["x[1]"] == pytest.approx(roc_auc_score(y, x), abs=0.01)


def test_an_identifier_tells_nothing():
    y = RNG.integers(0, 2, 400)
    found = told(pd.DataFrame({"id": [f"row {i}" for i in range(400)], "i": np.arange(400)}), y)
    assert "id" not in found
    assert found["i"] < 0.7


def test_a_rare_class_is_told_by_what_stands_there_for_it_alone():
    y = (np.arange(2_000) % 50 == 0).astype(int)
    assert told(pd.DataFrame({"code": y}), y)["code"] == 1


def test_labels_that_are_numbers_are_told_by_their_ranks():
    y = RNG.normal(size=500)
    found = told(np.c_[np.exp(y), -y, RNG.normal(size=500)], y)
    assert found["x[0]"] == found["x[1]"] == 1
    assert found["x[2]"] < 0.3


def test_missing_cells_and_sparse_columns_are_told_too():
    y = RNG.integers(0, 2, 400)
    gone = np.where(y == 1, np.nan, RNG.normal(size=400))
    assert told(pd.DataFrame({"gone": gone}), y)["gone"] == 1
    assert told(sparse.csr_matrix(y.reshape(-1, 1).astype(float)), y)["x[1]"] == 1


@pytest.mark.parametrize("labels", [np.zeros(30), np.zeros((400, 2)), np.full(400, np.nan)])
def test_where_nothing_can_be_told_nothing_is(labels):
    assert told(RNG.normal(size=(len(labels), 1)), labels) == {}
