import numpy as np
import pandas as pd
import pytest
from row_store import Store

from repro.digest.row_set import Estimate
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.observe import datasets
from repro.overlap import SharedRows, overlap_between
from repro.record import RunRecord

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


@pytest.fixture
def store():
    made = Store()
    made.add("a", train=(X[:12], Y[:12]), test=(X[12:], Y[12:]))
    return made


def counted(n):
    return Estimate(float(n), 0.0)


def test_every_role_of_one_run_is_held_against_every_role_of_the_other(store):
    store.add("b", train=(X[10:], Y[10:]), test=(X[:10], 1 - Y[:10]))
    assert overlap_between(store, store.record("a"), store.record("b")) == (
        SharedRows("train", "train", counted(2), counted(2)),
        SharedRows("train", "test", counted(0), counted(10)),
        SharedRows("test", "train", counted(8), counted(8)),
        SharedRows("test", "test", counted(0), counted(0)),
    )


def test_data_of_other_columns_cannot_be_compared(store):
    store.add("b", train=pd.DataFrame(X))
    found = overlap_between(store, store.record("a"), store.record("b"))
    assert found[0] == SharedRows("train", "train", unknown="they have other columns or dtypes")


def test_a_sample_may_share_more_than_it_shows(store, monkeypatch):
    monkeypatch.setattr(datasets, "ITEMS", 5)
    store.add("b", train=Items(list(zip(X, Y, strict=True))))
    found = overlap_between(store, store.record("a"), store.record("b"))[0]
    assert (found.rows, found.is_partial) == (counted(3), True)


class Items:
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def test_a_run_without_data_says_so(store):
    store.add("b")
    assert overlap_between(store, store.record("a"), store.record("b")) == Absent(
        reason="data of run b: it was not handed over: run.log_data(...)", kind="not_recorded"
    )


def test_hashes_that_are_gone_or_altered_are_unknown(store):
    store.add("b", train=(X, Y), test=(X, Y + 1))
    data = store.record("b").find(Data)
    lost, altered = (data.role(name).rows for name in ("train", "test"))
    del store.artifacts["b"][lost]
    store.artifacts["b"][altered] = store.artifacts["a"][store.record("a").find(Data).roles[0].rows]
    found = overlap_between(store, store.record("a"), store.record("b"))
    assert found[0].unknown == f"{lost} of run b cannot be fetched: not there"
    assert found[1].unknown == f"{altered} of run b was changed afterwards"


def test_a_record_of_before_there_were_row_hashes_is_unknown(store):
    store.add("b", train=(X, Y))
    data = store.record("b").find(Data)
    old = data.but(roles=(data.roles[0].model_copy(update={"rows": None}),))
    store.records["b"] = RunRecord("b", "b", {"data": old})
    assert (
        overlap_between(store, store.record("a"), store.record("b"))[0].unknown
        == "run b kept no row hashes of train"
    )
