import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from repro.errors import TooFewReplicates
from repro.stats.probability import (
    clopper_pearson,
    probability_better,
    probability_better_unpaired,
)


# R's help page of binom.test (Conover 1971, page 97): binom.test(682, 682 + 243)$conf.int
def test_clopper_pearson_gives_the_published_interval():
    assert clopper_pearson(682, 682 + 243) == pytest.approx((0.7076683, 0.7654066), abs=5e-8)


@pytest.mark.parametrize(("wins", "n"), [(0, 5), (3, 5), (5, 5), (7, 20)])
def test_clopper_pearson_agrees_with_statsmodels_and_scipy(wins, n):
    assert clopper_pearson(wins, n) == pytest.approx(
        proportion_confint(wins, n, alpha=0.05, method="beta")
    )
    by_scipy = scipy_stats.binomtest(wins, n).proportion_ci(0.9, method="exact")
    assert clopper_pearson(wins, n, confidence=0.9) == pytest.approx(tuple(by_scipy))


def test_a_tie_is_half_a_win():
    better = probability_better([0.1, 0.0, -0.2, 0.3])
    assert better.share == 0.625
    assert better.interval == clopper_pearson(2.5, 4)


def test_no_differences_at_all_are_refused():
    with pytest.raises(TooFewReplicates) as caught:
        probability_better([])
    assert str(caught.value) == ("differences: 0 given, at least 1 needed. Run more replicates.")


# scipy.stats.mannwhitneyu(c, b).statistic / (n_b * n_c)
def test_unpaired_share_is_mann_whitney_u():
    rng = np.random.default_rng(1)
    b, c = rng.integers(0, 6, 7).astype(float), rng.integers(2, 8, 4).astype(float)
    expected = scipy_stats.mannwhitneyu(c, b).statistic / 28
    assert probability_better_unpaired(b, c).share == pytest.approx(expected)


def test_unpaired_interval_counts_no_more_comparisons_than_the_smaller_arm_has_runs():
    better = probability_better_unpaired([0.0] * 20, [1.0] * 3)
    assert better.interval == clopper_pearson(3, 3)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_with_ties_the_interval_still_covers_at_least_95_percent(n):
    """Exact: all outcomes (wins, ties, losses), over a grid of true probabilities."""
    outcomes = [(w, t, n - w - t) for w in range(n + 1) for t in range(n + 1 - w)]
    intervals = [clopper_pearson(w + t / 2, n) for w, t, _ in outcomes]
    ways = [math.factorial(n) / math.prod(map(math.factorial, o)) for o in outcomes]
    for p_win in np.linspace(0, 1, 26):
        for p_tie in np.linspace(0, 1 - p_win, 11):
            truth = p_win + p_tie / 2
            p_loss = max(1 - p_win - p_tie, 0)
            covered = sum(
                m * p_win**w * p_tie**t * p_loss**lost
                for (w, t, lost), i, m in zip(outcomes, intervals, ways, strict=True)
                if i.low - 1e-12 <= truth <= i.high + 1e-12
            )
            assert covered >= 0.95


@pytest.mark.parametrize(("n_b", "n_c"), [(3, 3), (3, 10), (10, 10)])
@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0])
def test_the_unpaired_interval_covers_at_least_95_percent(n_b, n_c, spread):
    rng = np.random.default_rng(n_b * n_c)
    shift = 0.5
    truth = scipy_stats.norm.cdf(shift / math.hypot(1, spread))
    hits = []
    for _ in range(2000):
        b, c = rng.normal(0, 1, n_b), rng.normal(shift, spread, n_c)
        low, high = probability_better_unpaired(b, c).interval
        hits.append(low <= truth <= high)
    assert np.mean(hits) >= 0.95
