import json
from datetime import UTC

from repro.facts.scores import Scores
from repro.observe.ledger import MAX_ENTRIES, Ledger


def look(ledger, *, role="valid", metric="valid/loss", digest="blake3:aa", step=0):
    ledger.look(role, metric, 10, digest, step=step)


def test_a_look_holds_role_metric_rows_step_and_time():
    ledger = Ledger()
    look(ledger, role="test", step=3)
    (read,) = ledger.reads
    assert (read.number, read.role, read.metric) == (1, "test", "valid/loss")
    assert (read.n_rows, read.rows_digest, read.n_looks) == (10, "blake3:aa", 1)
    assert (read.first_step, read.last_step) == (3, 3)
    assert read.first_at == read.last_at
    assert read.first_at.tzinfo is UTC


def test_looks_by_one_metric_at_the_same_rows_are_one_entry():
    ledger = Ledger()
    for step in range(5):
        look(ledger, step=step)
    (read,) = ledger.reads
    assert (read.n_looks, read.first_step, read.last_step) == (5, 0, 4)
    assert read.first_at < read.last_at


def test_other_roles_metrics_and_rows_have_entries_of_their_own():
    ledger = Ledger()
    for change in ({}, {"role": "test"}, {"metric": "valid/f1"}, {"digest": "blake3:bb"}):
        look(ledger, **change)
    assert [read.number for read in ledger.reads] == [1, 2, 3, 4]
    assert (ledger.n_looks("valid"), ledger.n_looks("test"), ledger.n_looks("train")) == (3, 1, 0)


def test_a_full_ledger_counts_on_in_one_entry_for_each_role():
    ledger = Ledger()
    for step in range(MAX_ENTRIES + 50):
        look(ledger, digest=f"blake3:{step}", step=step)
    look(ledger, role="test", digest="blake3:new")
    look(ledger, digest="blake3:0")
    assert len(ledger.reads) == MAX_ENTRIES + 2
    assert ledger.n_looks("valid") == MAX_ENTRIES + 51
    more = ledger.reads[MAX_ENTRIES]
    assert (more.metric, more.n_rows, more.rows_digest, more.n_looks) == (None, None, None, 50)
    assert (more.first_step, more.last_step) == (MAX_ENTRIES, MAX_ENTRIES + 49)
    assert ledger.reads[0].n_looks == 2


def test_a_full_ledger_is_no_burden_to_the_record():
    ledger = Ledger()
    for step in range(2 * MAX_ENTRIES):
        look(ledger, digest=f"blake3:{step:064x}", step=step)
    text = json.dumps(Scores(reads=ledger.reads).model_dump(mode="json"))
    assert len(text) < 400_000
