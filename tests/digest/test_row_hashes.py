import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.digest import block, multiset_digest, ordered_digest, row_hashes, shared_rows, table

X = np.arange(12.0).reshape(4, 3)
QUICK = settings(derandomize=True, deadline=None, max_examples=30)
ROWS = st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([0.0, 0.5, math.nan])), max_size=20)


def rows(data):
    content = table(data)
    return row_hashes(content.blocks)


def ordered(data):
    return ordered_digest(rows(data))


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
    data = pd.DataFrame({"a": [str(i % 3) for i in range(50)], "b": np.arange(50.0)})
    at_once = ordered(data)
    monkeypatch.setattr(block, "CHUNK_BYTES", 100)
    assert ordered(data) == at_once


def test_shared_rows_are_counted_on_the_right():
    left, right = rows(X[:2]), rows(X[[1, 1, 3]])
    assert (shared_rows(left, right), shared_rows(right, left)) == (2, 1)
    assert shared_rows(left, rows(np.zeros((0, 3)))) == 0
