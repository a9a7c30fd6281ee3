import hashlib
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_iris
from torch.utils.data import Subset, TensorDataset

from repro import digest
from repro.digest import (
    canonical_json,
    digest_bytes,
    digest_file,
    digest_json,
    digest_set,
    multiset_digest,
    ordered_digest,
    row_hashes,
    shared_rows,
    short,
    table,
)
from repro.errors import UnsupportedData

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 0, 1])
QUICK = settings(derandomize=True, deadline=None, max_examples=30)
ROWS = st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([0.0, 0.5, math.nan])), max_size=20)


def rows(data):
    content = table(data)
    return row_hashes(content.features + content.labels)


def ordered(data):
    return ordered_digest(rows(data))


def column(values, dtype=None):
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


def times(*texts, zone=None):
    return pd.DataFrame({"t": pd.to_datetime(list(texts)).tz_localize(zone)})


LARGER = TensorDataset(torch.arange(18.0).reshape(6, 3), torch.tensor([0, 1, 0, 1, 0, 1]))
FRAME = {"a": [1.5, None], "b": ["x", None], "c": [True, False]}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X.astype(np.float32)),
        (X, np.asfortranarray(X)),
        (X, X[::-1][::-1]),
        (X, X.tolist()),
        (X, torch.from_numpy(X).requires_grad_()),
        (X, torch.from_numpy(X).to(torch.bfloat16)),
        (X, pd.DataFrame(X, columns=list("abc"))),
        (X, sparse.csr_matrix(X)),
        (np.array([0.0, 1.0]), np.array([-0.0, 1.0])),
        (np.array([np.nan]), np.array([-np.nan])),
        (np.array([np.nan]), np.array([0x7FF8000000000123], dtype=np.uint64).view(np.float64)),
        (np.array([1, 0]), np.array([True, False])),
        (np.array([1, 2], dtype=np.int8), np.array([1, 2], dtype=np.uint64)),
        (np.array([1 + 2j]), np.array([1 + 2j], dtype=np.complex64)),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype=object)),
        (np.array(["a"]), np.array([np.str_("a")], dtype=object)),
        (column(["a", None]), column(["a", np.nan], dtype=object)),
        (column(["a", None]), column(["a", pd.NA], dtype="string")),
        (column(["a", None]), column(["a", None], dtype="category")),
        (column([1.0, np.nan]), column([1, None], dtype="Int64")),
        (column([1, 2]), column([1, 2], dtype="category")),
        (column([[1, 2], [3]]), column([np.array([1, 2]), np.array([3])])),
        (times("2026-01-01", None), times("2026-01-01", None).astype("datetime64[s]")),
        (
            times("2026-07-01 02:00", zone="Europe/Berlin"),
            times("2026-06-30 20:00", zone="America/New_York"),
        ),
        (times("2026-07-01 02:00", zone="Europe/Berlin"), times("2026-07-01 00:00")),
        (np.array(["2026-01-01"], "M8[D]"), np.array(["2026-01-01T00"], "M8[h]")),
    ],
)
def test_equal_content_has_equal_rows(left, right):
    assert ordered(left) == ordered(right)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_a_table_of_another_library_has_the_rows_of_its_pandas_frame(library):
    module = pytest.importorskip(library)
    made = module.table(FRAME) if library == "pyarrow" else module.DataFrame(FRAME)
    assert ordered(made) == ordered(pd.DataFrame(FRAME))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X + 1e-9),
        (X, X[:, ::-1]),
        (X, X[:3]),
        (np.array([1.0]), np.array([1])),
        (np.array(["1"]), np.array([1])),
        (column(["", "a"]), column([None, "a"])),
        (column(["nan"]), column([None])),
        (column([np.arange(2_000)]), column([np.r_[np.arange(1_999), 0]])),
        (np.array([["ab", "c"]]), np.array([["a", "bc"]])),
        (times("2026-07-01", zone="UTC"), times("2026-07-01", zone="Europe/Berlin")),
        (np.array([1], "m8[s]"), np.array([1], "m8[ms]")),
    ],
)
def test_other_content_has_other_rows(left, right):
    assert ordered(left) != ordered(right)


def test_names_and_dtypes_belong_to_the_schema_alone():
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    renamed, narrower = frame.rename(columns={"a": "b"}), frame.astype(np.float32)
    assert ordered(frame) == ordered(renamed) == ordered(narrower)
    assert len({table(content).schema for content in (frame, renamed, narrower)}) == 3


def test_the_order_counts_for_the_one_digest_and_not_for_the_other():
    assert ordered(X) != ordered(X[::-1])
    assert multiset_digest(rows(X)) == multiset_digest(rows(X[::-1]))


@QUICK
@given(ROWS, st.randoms(use_true_random=False))
def test_a_multiset_has_no_order(values, random):
    data = np.array(values, dtype=float).reshape(-1, 2)
    shuffled = list(range(len(data)))
    random.shuffle(shuffled)
    assert multiset_digest(rows(data)) == multiset_digest(rows(data[shuffled]))


@QUICK
@given(ROWS, st.integers(0, 20))
def test_a_multiset_may_be_put_together_from_any_parts(values, cut):
    hashes = rows(np.array(values, dtype=float).reshape(-1, 2))
    whole = multiset_digest(hashes)
    assert multiset_digest(hashes[:cut], hashes[cut:]) == whole
    assert multiset_digest(hashes[cut:], hashes[:cut]) == whole


def test_repeated_rows_count():
    once, twice = rows(X), rows(np.concatenate([X, X[:1]]))
    assert multiset_digest(once) != multiset_digest(twice)
    assert multiset_digest(once, once[:1]) == multiset_digest(twice)


def test_nothing_is_not_a_row_of_zeros():
    digests = {multiset_digest(), multiset_digest(rows(np.zeros((1, 1))))}
    assert multiset_digest() == multiset_digest(rows(np.zeros((0, 3))))
    assert len(digests) == 2


def test_rows_are_hashed_alike_however_many_are_held_at_once(monkeypatch):
    data = column([str(i % 3) for i in range(50)]).assign(b=np.arange(50.0))
    at_once = ordered(data)
    monkeypatch.setattr(digest, "CHUNK_BYTES", 100)
    assert ordered(data) == at_once


def test_shared_rows_are_counted_on_the_right():
    left, right = rows(X[:2]), rows(X[[1, 1, 3]])
    assert (shared_rows(left, right), shared_rows(right, left)) == (2, 1)
    assert shared_rows(left, rows(np.zeros((0, 3)))) == 0


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
            "cannot read rows from str. "
            "Pass an array, a tensor, a data frame, a pair (X, y) or a torch Dataset.",
        ),
        (
            {"x": X},
            "cannot read rows from dict. "
            "Pass an array, a tensor, a data frame, a pair (X, y) or a torch Dataset.",
        ),
        (
            (row for row in X),
            "cannot read rows from generator. "
            "Pass an array, a tensor, a data frame, a pair (X, y) or a torch Dataset.",
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


def test_a_digest_names_its_algorithm_and_is_that_of_its_bytes():
    assert digest_bytes(b"ab", b"c") == digest_bytes(b"abc")
    # https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors: the input of length 0
    assert digest_bytes() == (
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    )


def test_a_file_is_digested_by_its_bytes(tmp_path):
    for content in (b"", b"abc", bytes(3_000_000)):
        (tmp_path / "file").write_bytes(content)
        assert digest_file(tmp_path / "file") == digest_bytes(content)


def test_json_has_one_text_whatever_the_order_of_its_keys():
    assert canonical_json({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    assert digest_json([1, 2]) != digest_json([2, 1])


def test_text_that_is_no_utf_8_survives_in_json():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert json.loads(canonical_json({"name": name}).encode()) == {"name": name}
    assert digest_json(name) != digest_json("caf")


def test_a_set_has_no_order_and_nothing_twice():
    assert digest_set(["b", "a", "b"]) == digest_set(["a", "b"])
    assert digest_set(["a"]) != digest_set(["a", "b"])


def test_a_short_digest_is_of_the_value_not_of_the_algorithm():
    assert short("split/1:" + hashlib.sha256(b"").hexdigest()) == "e3b0c442"
