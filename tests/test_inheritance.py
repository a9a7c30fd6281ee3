import numpy as np
import pytest
from row_store import Store

from repro.digest.row_set import Estimate
from repro.errors import RecordCorrupt
from repro.inheritance import Inheritance, Looks, Rows, inheritance
from repro.report.kin_entries import ancestor_rows

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30) % 2


def rows(start, stop):
    return X[start:stop], Y[start:stop]


@pytest.fixture
def store():
    """The parent `a` learned from rows 0 to 9, and was tested by rows 20 to 24."""
    made = Store()
    made.add("a", train=rows(0, 10), test=rows(20, 25), looks=[("test", "blake3:a")])
    return made


def child(store, **options) -> Inheritance:
    (found,) = inheritance(store, store.add("b", parents=["a"], **options))
    return found


def counted(n, of):
    return Rows(Estimate(float(n)), n / of)


def test_training_rows_that_came_and_went_are_counted_once_each(store):
    found = child(store, train=tuple(np.concatenate([one, one]) for one in rows(2, 18)))
    assert (found.added, found.dropped) == (counted(8, 16), counted(2, 10))
    assert (found.parent, found.name, found.generation) == ("a", "run a", 1)


def test_a_row_with_another_label_went_and_came(store):
    found = child(store, train=(X[:10], 1 - Y[:10]))
    assert (found.added, found.dropped) == (counted(10, 10), counted(10, 10))


def test_test_rows_of_the_parent_that_are_learned_from_leak_whatever_their_label(store):
    assert child(store, train=rows(0, 20)).leaked == counted(0, 5)
    assert child(store, train=(X[18:23], 1 - Y[18:23])).leaked == counted(3, 5)


def test_looks_at_a_role_that_holds_test_rows_of_the_parent_are_counted(store):
    again, other = [("test", "blake3:b")] * 3, [("valid", "blake3:c")]
    data = {"train": rows(0, 10), "valid": rows(10, 15), "test": rows(24, 29)}
    assert child(store, **data, looks=[*again, *other]).looks == Looks(3)
    assert child(store, **data, looks=other).looks == Looks(0)


def test_looks_at_labels_like_those_of_the_parents_test_rows_are_told_apart(store):
    """As a run scores its parent's test set beside its own, and logs its own alone."""
    looks = [("test", "blake3:a"), ("test", "blake3:b")]
    data = {"train": rows(0, 10), "test": rows(25, 30)}
    assert child(store, **data, looks=looks).looks == Looks(0, n_alike=1)
    same = {**data, "test": rows(20, 25)}
    assert child(store, **same, looks=looks[:1]).looks == Looks(1)


def test_looks_at_what_the_parent_was_chosen_by_or_nobody_knows_are_no_looks_at_its_test(store):
    looks = [("valid", "blake3:v"), ("test", None)]
    store.add("a", train=rows(0, 10), test=rows(20, 25), looks=looks)
    looks = [("test", "blake3:v"), ("test", None)]
    found = child(store, train=rows(0, 10), test=rows(25, 30), looks=looks)
    assert found.looks == Looks(0)


def test_looks_at_rows_that_were_not_logged_are_unknown(store):
    found = child(store, train=rows(0, 10), looks=[("test", "blake3:b")])
    assert found.looks == Looks(None, unknown="run b logged no test data")


def test_a_parent_that_the_store_does_not_hold_is_unknown():
    store = Store()
    (found,) = inheritance(store, store.add("b", parents=["gone"], train=rows(0, 5)))
    reason = "the store has no run 'gone'"
    assert (found.name, found.added, found.dropped) == (None, Rows(unknown=reason), found.added)
    assert (found.leaked, found.looks) == (found.added, Looks(unknown=reason))
    assert list(ancestor_rows([found])) == [["parent", f"gone unknown: {reason}"]]


def test_a_parent_whose_record_was_altered_is_unknown(store, monkeypatch):
    def altered(run_id):
        raise RecordCorrupt("it was changed afterwards")

    run = store.add("b", parents=["a"], train=rows(0, 5))
    monkeypatch.setattr(store, "record", altered)
    (found,) = inheritance(store, run)
    assert found.added == Rows(unknown="it was changed afterwards")


def test_a_checkpoint_that_was_read_after_the_training_makes_no_parent(store):
    run = store.add("b", parents=["a"], train=rows(0, 5))
    lineage = run.facts["lineage"]
    run.facts["lineage"] = lineage.but(loaded=(), loaded_later=lineage.loaded)
    assert inheritance(store, run) == ()


def test_what_the_parent_did_not_log_or_lost_is_unknown(store):
    store.add("a", train=rows(0, 10))
    found = child(store, train=rows(0, 12))
    assert found.added == counted(2, 12)
    assert found.leaked == Rows(unknown="run a logged no test data")
    store.artifacts["a"].clear()
    assert "cannot be fetched" in child(store, train=rows(0, 12)).added.unknown
    store.add("a")
    assert child(store, train=rows(0, 12)).added.unknown == (
        "data of run a: it was not handed over: run.log_data(...)"
    )


def test_data_of_other_columns_cannot_be_compared(store):
    assert child(store, train=X[:10]).added == Rows(unknown="they have other columns or dtypes")


def test_of_a_sample_no_row_is_called_new_and_a_leak_is_the_least_there_is(store):
    run = store.add("b", parents=["a"], train=rows(18, 23))
    data = run.facts["data"]
    half = data.but(roles=(data.roles[0].model_copy(update={"coverage": 0.5}),))
    run.facts["data"] = half
    (found,) = inheritance(store, run)
    assert found.added == found.dropped == Rows(unknown="not every row of train was read")
    assert found.leaked == Rows(Estimate(3.0), 0.6, is_partial=True)
    told = dict(ancestor_rows([found]))["  its test rows"]
    assert told == "3 (60.0%) LEARNED FROM, of those that were read; not looked at"


def test_parents_of_parents_are_told_once_and_a_circle_ends(store):
    store.add("b", parents=["a", "a"], train=rows(0, 12), test=rows(25, 30))
    store.add("a", parents=["c"], train=rows(0, 10), test=rows(20, 25))
    store.add("c", parents=["b"], train=rows(0, 5), test=rows(10, 12))
    found = inheritance(store, store.record("b"))
    assert [(one.parent, one.generation) for one in found] == [("a", 1), ("c", 2)]
    assert found[1].leaked == counted(2, 2)


def test_a_report_tells_rows_leaks_and_looks(store):
    looks = [("test", "blake3:b"), ("valid", "blake3:a")]
    found = child(store, train=rows(2, 22), test=rows(24, 29), valid=rows(10, 12), looks=looks)
    assert list(ancestor_rows([found])) == [
        ["parent", "run a a"],
        ["  training rows", "12 (60.0%) added, 2 (20.0%) dropped"],
        [
            "  its test rows",
            "2 (40.0%) LEARNED FROM; looked at once, labels like theirs looked at once",
        ],
    ]
    found = child(store, train=rows(0, 10), test=rows(25, 30))
    assert list(ancestor_rows([found]))[1:] == [
        ["  training rows", "0 added, 0 dropped"],
        ["  its test rows", "none learned from; not looked at"],
    ]
    found = child(store, train=X[:10], looks=looks[:1])
    assert list(ancestor_rows([found]))[1:] == [
        ["  training rows", "unknown: they have other columns or dtypes"],
        [
            "  its test rows",
            "unknown whether learned from: they have other columns or dtypes; "
            "unknown whether looked at: run b logged no test data",
        ],
    ]
