import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.digest import row_hashes, table
from repro.digest.row_set import Estimate, RowSet, RowSets
from repro.errors import RecordCorrupt

QUICK = settings(derandomize=True, deadline=None, max_examples=50, database=None)
NUMBERS = st.lists(st.integers(0, 40), max_size=40)


def hashes(numbers):
    return row_hashes(table(np.array(numbers, dtype=np.int64)).blocks)


def same(left, right):
    return left.below == right.below and np.array_equal(left.hashes, right.hashes)


def test_a_set_that_holds_everything_counts():
    left, right = RowSet.of(hashes([1, 2, 2, 3])), RowSet.of(hashes([2, 3, 3, 4]))
    assert left.size() == Estimate(3.0, 0.0)
    assert left.shared(right) == right.shared(left) == Estimate(2.0, 0.0)
    assert left.shared(RowSet.of(hashes([]))) == Estimate(0.0, 0.0)
    assert left.beyond(right) == right.beyond(left) == Estimate(1.0, 0.0)
    assert left.beyond(RowSet.of(hashes([]))) == left.size()


@QUICK
@given(NUMBERS, NUMBERS, st.integers(1, 50))
def test_merging_two_sets_is_the_set_of_both(left, right, limit):
    merged = RowSet.of(hashes(left), limit).merged(RowSet.of(hashes(right), limit), limit)
    assert same(merged, RowSet.of(hashes(left + right), limit))


@QUICK
@given(NUMBERS, st.randoms(use_true_random=False))
def test_a_set_has_no_order_and_nothing_twice(numbers, random):
    shuffled = numbers * 2
    random.shuffle(shuffled)
    assert same(RowSet.of(hashes(numbers), 7), RowSet.of(hashes(shuffled), 7))


@pytest.mark.slow
@pytest.mark.parametrize("n_shared", [0, 300, 10_000])
def test_a_sketch_is_as_far_off_as_it_says(n_shared):
    """Against exact counts: 60 pairs of 20,000 rows, each known by its 4,000 smallest hashes."""
    random = np.random.default_rng(0)
    off, sizes = [], []
    for _ in range(60):
        values = random.choice(2**62, size=40_000 - n_shared, replace=False)
        left, right = hashes(values[:20_000]), hashes(values[-20_000:])
        exact = RowSet.of(left).shared(RowSet.of(right))
        assert exact == Estimate(float(n_shared), 0.0)
        sketch = RowSet.of(left, 4_000)
        estimate = sketch.shared(RowSet.of(right, 4_000))
        off.append((estimate.n - n_shared) / estimate.error)
        sizes.append((sketch.size().n - 20_000) / sketch.size().error)
    spread = 1.3 if n_shared else 0.0
    assert abs(np.mean(off)) < 3 / math.sqrt(60)
    assert 0.7 * (n_shared > 0) <= np.std(off) <= spread
    assert abs(np.mean(sizes)) < 3 / math.sqrt(60)
    assert 0.7 < np.std(sizes) < 1.3


def test_an_exact_set_and_a_sketch_can_be_compared():
    values = np.arange(20_000)
    sketch, small = RowSet.of(hashes(values), 2_000), RowSet.of(hashes(values[:500]))
    found = sketch.shared(small)
    assert 0 < found.error < 100
    assert abs(found.n - 500) < 3 * found.error
    beyond = sketch.beyond(small)
    assert 0 < abs(beyond.n - 19_500) < 3 * beyond.error
    assert small.beyond(sketch).n == 0


def test_to_see_none_in_a_sample_is_no_certainty():
    assert Estimate.of_sample(0, share=0.1).error == pytest.approx(math.sqrt(0.9) / 0.1)
    assert Estimate.of_sample(0, share=1.0).error == 0.0


@pytest.mark.parametrize("limit", [5, 5_000_000])
def test_sets_come_back_from_their_file(limit):
    rows = RowSet.of(hashes(range(9)), limit)
    for sets in (RowSets(rows, rows), RowSets(rows, RowSet.of(hashes(range(3))))):
        read = RowSets.load(sets.dump())
        assert same(read.rows, sets.rows)
        assert same(read.features, sets.features)
        assert sets.dump() == sets.dump()


def test_a_row_takes_eight_bytes_and_sixteen_with_a_label():
    rows = RowSet.of(hashes(range(10_000)))
    other = RowSet.of(hashes(range(10_000, 20_000)))
    assert len(RowSets(rows, rows).dump()) == pytest.approx(80_000, rel=0.01)
    assert len(RowSets(rows, other).dump()) == pytest.approx(160_000, rel=0.01)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x80\x04pickle"])
def test_what_is_no_file_of_row_hashes_is_refused(content):
    with pytest.raises(RecordCorrupt, match=r"^the row hashes cannot be read: "):
        RowSets.load(content)
