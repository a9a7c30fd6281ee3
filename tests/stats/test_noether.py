import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.errors import UsageError
from repro.stats.noether import seeds_needed_to_win


# Bouthillier et al. 2021 recommend 29 runs for P(A > B) = .75: alpha and beta .05, one-sided.
@pytest.mark.parametrize(("probability", "n"), [(0.65, 81), (0.70, 46), (0.75, 29), (0.80, 21)])
def test_the_published_numbers_of_runs(probability, n):
    assert seeds_needed_to_win(probability) == n


def test_the_rank_test_has_about_the_power_that_was_asked_for():
    n = seeds_needed_to_win(0.75, power=0.8)
    shift = scipy_stats.norm.ppf(0.75) * 2**0.5
    draws = np.random.default_rng(0).normal(size=(1000, 2 * n))
    p = scipy_stats.mannwhitneyu(
        draws[:, n:] + shift, draws[:, :n], alternative="greater", axis=1, method="asymptotic"
    ).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("probability", [0.5, 0.3, 1.1, float("nan")])
def test_a_candidate_that_does_not_win_is_refused(probability):
    with pytest.raises(UsageError) as caught:
        seeds_needed_to_win(probability)
    assert str(caught.value) == (
        f"probability must lie above 0.5, at which nobody wins, and at most at 1; "
        f"it is {probability}."
    )


def test_power_below_the_type_i_error_is_refused():
    with pytest.raises(UsageError) as caught:
        seeds_needed_to_win(0.8, power=0.05)
    assert str(caught.value) == "power must exceed 0.05, the power at no effect; it is 0.05."
