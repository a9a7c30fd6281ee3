import json
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from repro.errors import UsageError
from repro.stats.sequential import confidence_at, linear, obrien_fleming, pocock, spend

FACTS = json.loads((Path(__file__).parent / "reference" / "small_sample_facts.json").read_text())


def type_i_error(looks, levels, n_claims=20_000):
    """Share of claims without any effect that are called a difference at one look at least."""
    draws = np.random.default_rng(0).normal(size=(n_claims, max(looks)))
    called = np.zeros(n_claims, dtype=bool)
    for n, level in zip(looks, levels, strict=True):
        seen = draws[:, :n]
        t = seen.mean(axis=1) / seen.std(axis=1, ddof=1) * n**0.5
        called |= np.abs(t) > special.stdtrit(n - 1, 1 - level / 2)
    return called.mean()


@pytest.mark.parametrize("spending", [linear, pocock, obrien_fleming])
@pytest.mark.parametrize("looks", [(5, 10), (3, 5, 7, 20)])
def test_declared_looks_err_at_most_with_alpha(looks, spending):
    levels = spend(looks, spending=spending)
    assert sum(levels) == pytest.approx(0.05)
    assert all(level > 0 for level in levels)
    assert 0.03 < type_i_error(looks, levels) <= 0.05


# The published ones are simulated, too, hence the tolerance of two simulations.
@pytest.mark.parametrize(("looked", "published"), FACTS["optional_stopping_type_I"].items())
def test_looking_after_every_seed_at_5_percent_errs_two_to_five_times_as_often(looked, published):
    first, last = map(int, looked.split("->"))
    looks = range(first, last + 1)
    assert type_i_error(looks, [0.05] * len(looks)) == pytest.approx(published, abs=0.01)


# The usual first boundaries of two looks, .025 on each side: z = 2.963 and 2.157
def test_the_spending_functions_at_the_half():
    assert round(-special.ndtri(obrien_fleming(0.5, 0.025)), 3) == 2.963
    assert round(-special.ndtri(pocock(0.5, 0.025)), 3) == 2.157
    for spending in (linear, pocock, obrien_fleming):
        assert spending(1.0, 0.05) == pytest.approx(0.05, abs=1e-15)


def test_a_look_decides_at_its_own_share():
    assert confidence_at(10) == 0.975
    assert confidence_at(20, (5, 20), 0.1) == pytest.approx(0.925)
    assert confidence_at(7, (7,)) == 0.95


def test_a_look_that_was_not_declared_is_refused():
    with pytest.raises(UsageError) as caught:
        confidence_at(7)
    assert str(caught.value) == (
        "7 replicates are no declared look; declared: 5, 10. Run as many as the next look asks for."
    )


@pytest.mark.parametrize("looks", [(), (1, 5), (5, 5), (10, 5)])
def test_looks_that_do_not_ascend_are_refused(looks):
    with pytest.raises(UsageError) as caught:
        spend(looks)
    assert str(caught.value) == (
        f"looks are numbers of replicates that ascend from at least 2, such as (5, 10), "
        f"not {looks}."
    )
