import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from torch.utils.data import Subset, TensorDataset

from repro.digest import digest_bytes, ordered_digest, row_hashes, table
from repro.errors import UnsupportedData

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 0, 1])
LARGER = TensorDataset(torch.arange(18.0).reshape(6, 3), torch.tensor([0, 1, 0, 1, 0, 1]))


def rows(data):
    content = table(data)
    return row_hashes(content.blocks)


def ordered(data):
    return ordered_digest(rows(data))


def test_names_and_dtypes_belong_to_the_schema_alone():
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    renamed, narrower = frame.rename(columns={"a": "b"}), frame.astype(np.float32)
    assert ordered(frame) == ordered(renamed) == ordered(narrower)
    assert len({table(content).schema for content in (frame, renamed, narrower)}) == 3


def test_a_label_that_is_a_number_is_not_its_text():
    numbered, named = pd.DataFrame(X), pd.DataFrame(X, columns=["0", "1", "2"])
    assert ordered(numbered) == ordered(named)
    assert table(numbered).schema != table(named).schema
    series = [pd.Series([1], name=name) for name in (0, "0")]
    assert len({table(one).schema for one in series}) == 2


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (pd.DataFrame(X), pd.Series(Y)),
        {"data": X, "target": Y, "feature_names": ["a", "b", "c"]},
        TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
        Subset(LARGER, range(4)),
        Subset(Subset(LARGER, [5, 3, 2, 1, 0]), torch.tensor([4, 3, 2, 1])),
    ],
    ids=["pair", "frame and series", "bunch", "TensorDataset", "subset", "subset of a subset"],
)
def test_features_and_labels_are_told_apart_whatever_they_come_in(data):
    content = table(data)
    assert ordered_digest(row_hashes(content.features)) == ordered(X)
    assert ordered_digest(row_hashes(content.labels)) == ordered(Y)
    assert (content.n_rows, content.n_columns) == (4, 4)


def test_a_bunch_of_scikit_learn_is_read():
    assert table(load_iris()).n_columns == 5


def test_images_are_rows_of_all_their_values():
    images = np.arange(24).reshape(2, 3, 4)
    assert table(images).n_columns == 12
    assert table(images).schema != table(images.reshape(2, 12)).schema


def test_columns_of_one_name_are_two_columns():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert ordered(frame) == ordered(np.array([[1, 2]]))


@pytest.mark.parametrize(
    "empty",
    [
        np.zeros((0, 3)),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": pd.Series([], dtype=str)}),
        torch.zeros(0, 2),
        [],
    ],
    ids=["array", "frame", "text", "tensor", "list"],
)
def test_a_table_without_rows_has_no_rows(empty):
    assert table(empty).n_rows == 0
    assert rows(empty).shape == (0, 2)
    assert ordered(empty) == digest_bytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "train.csv",
            "cannot read rows from the text 'train.csv'. "
            "Pass pathlib.Path(...) for a file or folder, or the table that it holds.",
        ),
        (
            {"x": X},
            "cannot read rows from dict. "
            "Pass an array, a tensor, a data frame, a pair (X, y), "
            "a torch Dataset or a pathlib.Path.",
        ),
        (
            (row for row in X),
            "cannot read rows from generator. "
            "Pass an array, a tensor, a data frame, a pair (X, y), "
            "a torch Dataset or a pathlib.Path.",
        ),
        (np.float64(3), "a single value (array(3.)) has no rows. Pass an array of rows."),
        (
            (X, Y[:3]),
            "features and labels differ in length: [3, 4]. Hand over one label for each row.",
        ),
        (
            torch.eye(3).to_sparse(),
            "cannot read rows from Tensor: can't convert Sparse layout tensor to numpy. "
            "Use Tensor.to_dense() first.",
        ),
        (pd.DataFrame(index=[0, 1]), "a data frame without columns has no rows. Pass its columns."),
    ],
    ids=["text", "dict", "generator", "scalar", "lengths", "sparse tensor", "no columns"],
)
def test_what_has_no_rows_is_refused_with_the_whole_story(data, message):
    with pytest.raises(UnsupportedData) as caught:
        table(data)
    assert str(caught.value) == message


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(UnsupportedData, match=r"cannot read rows from list: .*inhomogeneous"):
        table([[1], [1, 2]])


def test_taking_rows_takes_them_of_every_column():
    taken = table((X, Y)).take([2, 0])
    assert ordered_digest(row_hashes(taken.features)) == ordered(X[[2, 0]])
    assert ordered_digest(row_hashes(taken.labels)) == ordered(Y[[2, 0]])
