import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.errors import TooFewReplicates, UsageError
from repro.stats.paired import correlation, paired_t, sign_flip_p

REFERENCE = Path(__file__).parent / "reference"
GOLDEN = json.loads((REFERENCE / "golden_paired5.json").read_text())
FACTS = json.loads((REFERENCE / "small_sample_facts.json").read_text())
DIFFERENCES = np.subtract(GOLDEN["candidate"], GOLDEN["baseline"])


def test_five_golden_pairs_give_the_published_t_interval():
    estimate = paired_t(DIFFERENCES)
    assert estimate.n == 5
    assert estimate.df == 4
    assert estimate.mean == pytest.approx(GOLDEN["mean_diff"])
    assert estimate.standard_error == pytest.approx(GOLDEN["sd_diff"] / 5**0.5)
    assert estimate.interval(0.95) == pytest.approx(GOLDEN["ci95"])
    assert estimate.p_value == pytest.approx(GOLDEN["p_two_sided"])


# scipy.stats.ttest_1samp(d, 0), .confidence_interval(.9); ttest_1samp(..., alternative="greater")
@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
def test_paired_t_agrees_with_scipy(n):
    d = np.random.default_rng(n).normal(0.3, 1.0, n)
    two_sided = scipy_stats.ttest_1samp(d, 0)
    greater = scipy_stats.ttest_1samp(d, 0, alternative="greater")
    estimate = paired_t(d)
    assert estimate.p_value == pytest.approx(two_sided.pvalue)
    assert estimate.interval(0.9) == pytest.approx(tuple(two_sided.confidence_interval(0.9)))
    assert estimate.lower_bound(0.95) == pytest.approx(greater.confidence_interval(0.95).low)


def test_one_difference_is_refused_because_it_shows_no_noise():
    with pytest.raises(TooFewReplicates) as caught:
        paired_t([0.1])
    assert str(caught.value) == ("differences: 1 given, at least 2 needed. Run more replicates.")


def test_a_nan_difference_is_refused_and_not_dropped():
    with pytest.raises(UsageError) as caught:
        paired_t([0.1, float("nan"), 0.2])
    assert str(caught.value) == (
        "differences must be finite, but 1 of 3 are not: nan. "
        "Repeat or exclude those runs, and say which."
    )


def test_a_table_is_refused_as_a_sample():
    with pytest.raises(UsageError) as caught:
        paired_t([[0.1, 0.2], [0.3, 0.4]])
    assert str(caught.value) == "differences must be one-dimensional, not of shape (2, 2)."


def test_equal_differences_collapse_to_the_mean_and_have_no_p():
    estimate = paired_t([0.912 - 0.902, 0.905 - 0.895, 0.918 - 0.908])  # unequal by rounding
    assert not estimate.has_spread
    assert estimate.interval() == pytest.approx((0.01, 0.01))
    assert estimate.lower_bound() == estimate.mean
    assert estimate.p_value is None


def test_differences_that_are_all_zero_have_p_one():
    assert paired_t([0.0] * 5).p_value == 1.0


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(level):
    with pytest.raises(UsageError) as caught:
        paired_t(DIFFERENCES).interval(level)
    assert str(caught.value) == (f"confidence must lie between 0 and 1, such as 0.95, not {level}.")


def test_sign_flip_of_the_golden_pairs():
    assert sign_flip_p(DIFFERENCES) == GOLDEN["signflip_exact_two_sided"]


# scipy.stats.permutation_test((d,), sum, permutation_type="samples", n_resamples=inf)
@pytest.mark.parametrize("n", [2, 4, 7, 9])
def test_sign_flip_agrees_with_scipy(n):
    d = np.random.default_rng(n).normal(0.5, 1.0, n)
    expected = scipy_stats.permutation_test(
        (d,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(d) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("n", "least"), FACTS["min_two_sided_p_paired_signflip_or_wilcoxon"].items()
)
def test_sign_flip_cannot_fall_below_two_to_the_one_minus_n(n, least):
    assert sign_flip_p(np.arange(1.0, int(n) + 1)) == least


def test_sign_patterns_that_tie_but_for_rounding_count_as_reached():
    # On paper the patterns sum to -+4, -+2, 0 and -+2 tenths: six of eight reach the observed 2.
    assert sign_flip_p([0.1, 0.2, -0.1]) == 6 / 8


def test_sign_flip_is_not_computed_above_sixteen_pairs():
    assert sign_flip_p(np.ones(16)) == 2 / 2**16
    assert sign_flip_p(np.ones(17)) is None


def test_correlation_of_the_golden_arms():
    assert correlation(GOLDEN["baseline"], GOLDEN["candidate"]) == pytest.approx(
        GOLDEN["pearson_r"]
    )


def test_correlation_is_unknown_for_two_pairs_or_a_constant_arm():
    assert correlation([1.0, 2.0], [3.0, 4.0]) is None
    assert correlation([1.0, 1.0, 1.0], [3.0, 4.0, 5.0]) is None
    assert correlation([3.0, 4.0, 5.0], [1.0, 1.0, 1.0]) is None


def test_correlation_of_unequal_arms_is_refused():
    with pytest.raises(UsageError) as caught:
        correlation([1.0, 2.0, 3.0], [1.0, 2.0])
    assert str(caught.value) == "pairs need equal lengths, not 3 baseline and 2 candidate."


@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_the_t_interval_covers_the_truth_as_often_as_it_says(n):
    draws = np.random.default_rng(n).normal(0.7, 2.0, (3000, n))
    estimates = [paired_t(d) for d in draws]
    covered = np.mean([e.interval(0.95).low <= 0.7 <= e.interval(0.95).high for e in estimates])
    above = np.mean([e.lower_bound(0.95) < 0.7 for e in estimates])
    within = 4 * (0.95 * 0.05 / len(draws)) ** 0.5  # four Monte-Carlo standard errors
    assert covered == pytest.approx(0.95, abs=within)
    assert above == pytest.approx(0.95, abs=within)
    assert covered == pytest.approx(_stored_coverage(n), abs=2 * within)


def _stored_coverage(n):
    return FACTS["ci_coverage_nominal_95"]["normal"][str(n)]["t"]
