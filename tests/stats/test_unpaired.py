import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.errors import TooFewReplicates
from repro.stats.unpaired import permutation_p, welch_t

REFERENCE = Path(__file__).parent / "reference"
GOLDEN = json.loads((REFERENCE / "golden_paired5.json").read_text())
FACTS = json.loads((REFERENCE / "small_sample_facts.json").read_text())


def arms(n_b, n_c, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, n_b), rng.normal(0.8, 3, n_c)


def test_welch_of_the_golden_arms():
    p = welch_t(GOLDEN["baseline"], GOLDEN["candidate"]).p_value
    assert p == pytest.approx(GOLDEN["welch_p"])


# scipy.stats.ttest_ind(c, b, equal_var=False)
@pytest.mark.parametrize(("n_b", "n_c"), [(2, 2), (3, 5), (10, 4), (20, 20)])
def test_welch_agrees_with_scipy(n_b, n_c):
    b, c = arms(n_b, n_c)
    expected = scipy_stats.ttest_ind(c, b, equal_var=False)
    estimate = welch_t(b, c)
    assert estimate.n == n_b + n_c
    assert estimate.df == pytest.approx(expected.df)
    assert estimate.p_value == pytest.approx(expected.pvalue)
    assert estimate.interval(0.95) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_one_constant_arm_leaves_the_degrees_of_freedom_of_the_other():
    estimate = welch_t([0.9, 0.9, 0.9, 0.9], [0.91, 0.95, 0.93])
    assert estimate.df == pytest.approx(2)
    assert estimate.has_spread


def test_two_constant_arms_have_no_spread_and_no_p():
    estimate = welch_t([0.9] * 3, [0.95] * 4)
    assert (estimate.standard_error, estimate.df, estimate.p_value) == (0.0, 5.0, None)


def test_an_arm_of_one_run_is_refused():
    with pytest.raises(TooFewReplicates) as caught:
        welch_t([0.9, 0.8], [0.95])
    assert str(caught.value) == "candidate: 1 given, at least 2 needed. Run more replicates."


# scipy.stats.permutation_test((c, b), mean difference, n_resamples=inf)
@pytest.mark.parametrize("n", [2, 4, 5])
def test_permutation_p_of_equal_arms_agrees_with_scipy(n):
    b, c = arms(n, n, seed=n)

    def mean_difference(x, y):
        return np.mean(x) - np.mean(y)

    expected = scipy_stats.permutation_test((c, b), mean_difference, n_resamples=np.inf)
    assert permutation_p(b, c) == pytest.approx(expected.pvalue)


def test_permutation_p_of_unequal_arms_counts_every_regrouping():
    b, c = arms(3, 6, seed=2)
    pooled = [*b, *c]

    def gap(group):
        rest = [pooled[i] for i in range(9) if i not in group]
        return abs(np.mean([pooled[i] for i in group]) - np.mean(rest))

    gaps = [gap(group) for group in combinations(range(9), 3)]
    assert permutation_p(b, c) == np.mean(np.array(gaps) >= gaps[0] - 1e-12)


@pytest.mark.parametrize(
    ("n", "least"), FACTS["min_two_sided_p_unpaired_permutation_n_vs_n"].items()
)
def test_permutation_p_cannot_fall_below_two_in_all_regroupings(n, least):
    scores = np.arange(2.0 * int(n))
    assert permutation_p(scores[: int(n)], scores[int(n) :]) == pytest.approx(least)


def test_regroupings_that_tie_but_for_rounding_count_as_reached():
    # On paper the pairs sum to 9, 6, 8, 7, 9, 6 tenths: four of six lie as far from 7.5 as 9 does.
    assert permutation_p([0.4, 0.5], [0.2, 0.4]) == 4 / 6


def test_permutation_p_is_not_computed_above_100_000_regroupings():
    assert permutation_p([0.0, 0.0], [1.0] * 445) is not None  # C(447, 2) = 99 681
    assert permutation_p([0.0, 0.0], [1.0] * 446) is None  # C(448, 2) = 100 128
