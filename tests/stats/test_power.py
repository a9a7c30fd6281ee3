import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from repro.errors import UsageError
from repro.stats.paired import paired_t
from repro.stats.power import (
    equivalence_power,
    minimum_detectable_effect,
    minimum_detectable_effect_unpaired,
    paired_power,
    sd_upper_bound,
    seeds_needed,
    seeds_needed_equivalence,
    seeds_needed_non_inferiority,
    seeds_needed_unpaired,
)

FACTS = json.loads((Path(__file__).parent / "reference" / "small_sample_facts.json").read_text())


@pytest.mark.parametrize(("ratio", "n"), FACTS["n_for_80pct_power_paired_t_two_sided_05"].items())
def test_seeds_needed_for_pairs(ratio, n):
    assert seeds_needed(0.01 * float(ratio), 0.01) == n


@pytest.mark.parametrize(
    ("ratio", "n"), [(0.25, 253), (0.5, 64), (0.75, 29), (1, 17), (1.5, 9), (2, 6), (3, 4)]
)
def test_seeds_needed_for_unpaired_arms(ratio, n):
    assert seeds_needed_unpaired(ratio, 1.0) == n


@pytest.mark.parametrize(("n", "effect"), FACTS["mde_in_sd_80pct"].items())
def test_minimum_detectable_effect_in_sd(n, effect):
    assert round(minimum_detectable_effect(1.0, int(n)), 2) == effect


def test_minimum_detectable_effect_is_in_score_units():
    assert minimum_detectable_effect(0.02, 5) == pytest.approx(
        0.02 * minimum_detectable_effect(1.0, 5)
    )


def test_the_minimum_detectable_effect_needs_exactly_the_seeds_it_was_computed_for():
    for n in (2, 3, 7, 20):
        effect = minimum_detectable_effect(1.0, n)
        assert seeds_needed(effect * 1.0001, 1.0) == n
        assert seeds_needed(effect * 0.999, 1.0) == n + 1


# statsmodels: TTestPower().power(effect_size, nobs, alpha, alternative="two-sided")
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0, 1.4])
@pytest.mark.parametrize("n", [2, 5, 20])
def test_paired_power_agrees_with_statsmodels(ratio, n):
    expected = TTestPower().power(ratio, n, 0.1, alternative="two-sided")
    assert paired_power(ratio, n, confidence=0.9) == pytest.approx(expected, abs=1e-9)


# statsmodels: TTestPower / TTestIndPower .solve_power(ratio, power=.9, alpha=.01), rounded up
@pytest.mark.parametrize("ratio", [0.4, 0.9, 1.7])
def test_other_levels_agree_with_statsmodels(ratio):
    paired = TTestPower().solve_power(ratio, power=0.9, alpha=0.01)
    unpaired = TTestIndPower().solve_power(ratio, power=0.9, alpha=0.01)
    assert seeds_needed(ratio, 1.0, power=0.9, confidence=0.99) == np.ceil(paired)
    assert seeds_needed_unpaired(ratio, 1.0, power=0.9, confidence=0.99) == np.ceil(unpaired)


# The table was simulated, 4 000 times or so a cell: hence 4 standard errors of .008. Welch's power
# over arms that correlate has no formula, and is simulated here, too: it falls from .18 to .11,
# because a shared part that cancels in differences is noise to unpaired arms.
@pytest.mark.parametrize(("at", "powers"), FACTS["paired_vs_welch_power_effect0_8sd"].items())
def test_pairing_gains_what_the_arms_correlate(at, powers):
    rho, n = (float(number) for number in re.fullmatch(r"rho(\S+) n(\d+)", at).groups())
    by_pairs, by_welch = powers
    assert paired_power(0.8 / (2 * (1 - rho)) ** 0.5, int(n)) == pytest.approx(by_pairs, abs=0.03)
    shared, *own = np.random.default_rng(0).normal(size=(3, 4_000, int(n)))
    b, c = (rho**0.5 * shared + (1 - rho) ** 0.5 * noise for noise in own)
    p = scipy_stats.ttest_ind(c + 0.8, b, axis=1, equal_var=False).pvalue
    assert np.mean(p < 0.05) == pytest.approx(by_welch, abs=0.03)


def test_power_of_a_huge_effect_is_one_although_the_tail_underflows():
    assert paired_power(100.0, 30) == 1.0
    assert paired_power(0.01, 10**6) == pytest.approx(1.0)


def test_a_tiny_effect_needs_as_many_seeds_as_the_normal_distribution_says():
    assert seeds_needed(1e-4, 1.0) == pytest.approx(((1.959964 + 0.841621) / 1e-4) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seeds_needed(0.0, 1.0), "effect must be positive and finite, not 0.0."),
        (lambda: seeds_needed(0.1, 0.0), "sd must be positive and finite, not 0.0."),
        (lambda: seeds_needed_unpaired(0.1, -1.0), "sd must be positive and finite, not -1.0."),
        (
            lambda: seeds_needed(0.1, 1.0, power=80),
            "power must lie between 0 and 1, such as 0.95, not 80.",
        ),
        (
            lambda: seeds_needed(1e-9, 1.0),
            "no number of seeds below 1000000000000000 reaches power 0.8.",
        ),
        (
            lambda: minimum_detectable_effect(1.0, 1),
            "a paired t interval needs at least 2 pairs, not 1.",
        ),
        (
            lambda: minimum_detectable_effect(1.0, 5, power=0.05),
            "power must exceed 0.05, the power at no effect; it is 0.05.",
        ),
        (
            lambda: minimum_detectable_effect_unpaired(1.0, 1, 5),
            "Welch's t needs at least 2 runs per arm, not 1 and 5.",
        ),
        (lambda: sd_upper_bound(1.0, 0), "df must be at least 1, not 0: one score has no spread."),
        (
            lambda: seeds_needed_equivalence(-1, 1.0),
            "margin must be positive and finite, not -1.",
        ),
    ],
)
def test_questions_without_an_answer_are_refused(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message


def test_simulated_power_at_the_answer_is_what_was_asked_for():
    n = seeds_needed(1.0, 1.0)
    draws = np.random.default_rng(7).normal(1.0, 1.0, (4000, n))
    power = np.mean([paired_t(d).interval().low > 0 for d in draws])
    assert power == pytest.approx(paired_power(1.0, n), abs=4 * (0.16 / 4000) ** 0.5)


# statsmodels: TTestPower().power(ratio, n, .05, alternative="larger")
@pytest.mark.parametrize(("ratio", "n"), FACTS["n_for_80pct_noninferiority"].items())
def test_seeds_needed_for_non_inferiority(ratio, n):
    ratio = float(ratio)
    assert seeds_needed_non_inferiority(0.01 * ratio, 0.01) == n
    power = TTestPower().power
    assert power(ratio, n, 0.05, alternative="larger") >= 0.8
    assert power(ratio, n - 1, 0.05, alternative="larger") < 0.8


# A table in circulation says 37 for .5. The exact power is .805 at 36 and .790 at 35, by the
# integral below and by 2 000 000 simulated experiments (.806, .790): 37 is one too many.
@pytest.mark.parametrize(
    ("ratio", "n"), {**FACTS["n_for_80pct_tost_true_diff_0_by_margin_over_sd"], "0.5": 36}.items()
)
def test_seeds_needed_for_equivalence(ratio, n):
    ratio = float(ratio)
    assert seeds_needed_equivalence(0.01 * ratio, 0.01) == n
    assert power_of_tost_by_definition(ratio, n) >= 0.8 > power_of_tost_by_definition(ratio, n - 1)


def power_of_tost_by_definition(ratio, n):
    """Over the density of s, where the code integrates over its quantiles."""
    df, edge, critical = n - 1, ratio * n**0.5, scipy_stats.t.ppf(0.95, n - 1)
    s = scipy_stats.chi(df, scale=df**-0.5)
    value, _ = integrate.quad(
        lambda x: (2 * scipy_stats.norm.cdf(edge - critical * x) - 1) * s.pdf(x),
        0,
        edge / critical,
    )
    return value


@pytest.mark.parametrize(("ratio", "n"), [(3.0, 2), (0.2, 5), (1.2, 9)])
def test_the_power_of_tost_is_exact(ratio, n):
    assert equivalence_power(ratio, n) == pytest.approx(
        power_of_tost_by_definition(ratio, n), abs=1e-8
    )


def test_a_tiny_margin_needs_as_many_seeds_as_the_normal_distribution_says():
    assert seeds_needed_equivalence(1e-4, 1.0) == pytest.approx(
        ((1.644854 + 1.281552) / 1e-4) ** 2, rel=1e-4
    )


# statsmodels: TTestIndPower().solve_power(nobs1=n_b, ratio=n_c / n_b, power=.8, alpha=.05)
@pytest.mark.parametrize(("n_b", "n_c"), [(5, 5), (3, 10)])
def test_minimum_detectable_effect_of_unpaired_arms_agrees_with_statsmodels(n_b, n_c):
    expected = TTestIndPower().solve_power(nobs1=n_b, ratio=n_c / n_b, power=0.8, alpha=0.05)
    assert minimum_detectable_effect_unpaired(0.02, n_b, n_c) == pytest.approx(
        0.02 * expected,
        rel=1e-5,  # its solver stops there
    )


def test_the_true_sd_is_below_its_upper_bound_as_often_as_promised():
    estimated = np.random.default_rng(0).normal(size=(20_000, 5)).std(axis=1, ddof=1)
    bound_of_one = sd_upper_bound(1.0, 4)
    assert np.mean(estimated * bound_of_one > 1) == pytest.approx(0.8, abs=0.01)
