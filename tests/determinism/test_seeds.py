import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.determinism.seeds import MAX_SEED, derive_seed


@pytest.mark.parametrize(
    ("parts", "bits", "expected"),
    [
        ((), 64, 15041073954064335159),
        (("augment", 3), 64, 7021025322815692931),
        (("augment", 3), 32, 1634709845),
    ],
)
def test_derived_seeds_never_change_between_versions(parts, bits, expected):
    assert derive_seed(0, *parts, bits=bits) == expected


def test_a_derived_seed_can_be_computed_without_us():
    digest = hashlib.sha256(json.dumps([7, "worker", 2]).encode()).hexdigest()
    assert derive_seed(7, "worker", 2) == int(digest[:16], 16)


def test_rank_one_of_seed_zero_is_not_rank_zero_of_seed_one():
    assert derive_seed(0, "rank", 1) != derive_seed(1, "rank", 0)


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("1",), (1,)), (("a",), ("a", "")), ((), ("",))]
)
def test_names_cut_differently_are_different_names(one, other):
    assert derive_seed(0, *one) != derive_seed(0, *other)


@given(st.integers(0, MAX_SEED), st.lists(st.text() | st.integers(), max_size=3))
def test_a_derived_seed_fits_where_it_is_needed(seed, parts):
    assert 0 <= derive_seed(seed, *parts) <= MAX_SEED
    assert 0 <= derive_seed(seed, *parts, bits=32) < 2**32
