"""How many seeds does it take, and what can this many show?

Two-sided t tests for an improvement, one-sided ones for non-inferiority and equivalence.
"""

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from repro.errors import UsageError
from repro.stats.estimate import require_level

_MAX_SEEDS = 10**15


def seeds_needed(effect: float, sd: float, *, power: float = 0.8, confidence: float = 0.95) -> int:
    """Fewest pairs with which the paired t interval excludes 0 with this probability.

    Noncentral t with df = n - 1 and noncentrality effect / sd * sqrt(n).

    Parameters
    ----------
    effect : score units
        True mean difference that must not be missed.
    sd : score units
        Standard deviation of the paired differences. Taken as known: estimated from n = 5, the
        true one may be 2.9 times as large (95 % chi-square bound), the answer 8 times.

    >>> [seeds_needed(effect, sd=1.0) for effect in (0.5, 1.0, 2.0)]
    [34, 10, 5]
    """
    ratio = _ratio(effect, sd)
    return _fewest(lambda n: paired_power(ratio, n, confidence=confidence), power)


def seeds_needed_unpaired(
    effect: float, sd: float, *, power: float = 0.8, confidence: float = 0.95
) -> int:
    """Fewest runs per arm for two independent arms of equal size and spread.

    Noncentral t with df = 2n - 2 and noncentrality effect / sd * sqrt(n / 2).

    Parameters
    ----------
    effect : score units
        True difference of the means that must not be missed.
    sd : score units
        Standard deviation of one run, taken as known.

    >>> [seeds_needed_unpaired(effect, sd=1.0) for effect in (0.5, 1.0, 2.0)]
    [64, 17, 6]
    """
    ratio = _ratio(effect, sd)
    return _fewest(
        lambda n: _two_sided_power(ratio * math.sqrt(n / 2), 2 * n - 2, confidence), power
    )


def minimum_detectable_effect(
    sd: float, n: int, *, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Smallest true mean difference that n pairs show with this probability; score units.

    The effect that solves the power equation of `seeds_needed` for the given n.

    >>> [round(minimum_detectable_effect(1.0, n), 2) for n in (3, 5, 10)]
    [3.26, 1.68, 1.0]
    """
    if n < 2:
        raise UsageError(f"a paired t interval needs at least 2 pairs, not {n}.")
    return _positive(sd, "sd") * _detectable(
        lambda ratio: paired_power(ratio, n, confidence=confidence), power, confidence
    )


def minimum_detectable_effect_unpaired(
    sd: float, n_baseline: int, n_candidate: int, *, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Smallest true difference that two independent arms show with this probability; score units.

    Noncentral t with df = n_b + n_c - 2 and noncentrality effect / (sd * sqrt(1 / n_b + 1 / n_c)).

    Parameters
    ----------
    sd : score units
        Standard deviation of one run, taken as known and as equal in both arms.

    >>> [round(minimum_detectable_effect_unpaired(1.0, n, n), 2) for n in (3, 5, 10)]
    [3.07, 2.02, 1.32]
    """
    if min(n_baseline, n_candidate) < 2:
        raise UsageError(
            f"Welch's t needs at least 2 runs per arm, not {n_baseline} and {n_candidate}."
        )
    root = math.sqrt(1 / n_baseline + 1 / n_candidate)
    df = n_baseline + n_candidate - 2
    return _positive(sd, "sd") * _detectable(
        lambda ratio: _two_sided_power(ratio / root, df, confidence), power, confidence
    )


def sd_upper_bound(sd: float, df: int, *, confidence: float = 0.8) -> float:
    """The true standard deviation is below this with this confidence, for normal scores.

    sd * sqrt(df / q), q the 1 - confidence quantile of chi-square with df degrees of freedom.

    Parameters
    ----------
    sd : as estimated, in score units
    df : n - 1 for n differences; n_b + n_c - 2 for the pooled sd of two arms

    >>> [round(sd_upper_bound(1.0, n - 1), 2) for n in (3, 5, 10, 20)]
    [2.12, 1.56, 1.29, 1.18]
    """
    from scipy import special

    if df < 1:
        raise UsageError(f"df must be at least 1, not {df}: one score has no spread.")
    return _positive(sd, "sd") * math.sqrt(df / special.chdtri(df, require_level(confidence)))


def seeds_needed_non_inferiority(
    margin: float, sd: float, *, power: float = 0.8, confidence: float = 0.95
) -> int:
    """Fewest pairs whose one-sided lower bound is above -margin, if the true difference is 0.

    Noncentral t with df = n - 1 and noncentrality margin / sd * sqrt(n), one-sided.

    Parameters
    ----------
    margin : score units
        Largest loss that does not matter.
    sd : score units
        Standard deviation of the paired differences, taken as known.

    >>> [seeds_needed_non_inferiority(margin, sd=1.0) for margin in (0.5, 1.0, 1.5, 2.0)]
    [27, 8, 5, 4]
    """
    ratio = _ratio(margin, sd, "margin")
    return _fewest(lambda n: _one_sided_power(ratio * math.sqrt(n), n - 1, confidence), power)


def seeds_needed_equivalence(
    margin: float, sd: float, *, power: float = 0.8, confidence: float = 0.95
) -> int:
    """Fewest pairs that show equivalence by TOST, if the true difference is 0.

    Parameters as for `seeds_needed_non_inferiority`; each of the two tests at this confidence.

    >>> [seeds_needed_equivalence(margin, sd=1.0) for margin in (0.5, 1.0, 1.5, 2.0)]
    [36, 11, 6, 4]
    """
    ratio = _ratio(margin, sd, "margin")
    return _fewest(lambda n: equivalence_power(ratio, n, confidence=confidence), power)


def equivalence_power(ratio: float, n: int, *, confidence: float = 0.95) -> float:
    """Probability that TOST of n pairs shows equivalence at difference 0; `ratio` is margin / sd.

    Both tests reject where |mean| < margin - t(n - 1, confidence) * s / sqrt(n). Mean and s are
    independent, so this is the normal probability of that band, averaged over s: exact to 1e-8.

    Source
    ------
    Phillips 1990, Journal of Pharmacokinetics and Biopharmaceutics 18:137-144.

    >>> round(equivalence_power(1.0, 11), 3)
    0.849
    """
    from scipy import integrate, special

    df, edge = n - 1, ratio * math.sqrt(n)
    critical = float(special.stdtrit(df, require_level(confidence)))

    def in_band(share: float) -> float:
        """Given the s below which this share of all s lie, in units of the true sd."""
        s = math.sqrt(2 * special.gammaincinv(df / 2, share) / df)
        return math.erf((edge - critical * s) / math.sqrt(2))

    widest = float(special.gammainc(df / 2, df * (edge / critical) ** 2 / 2))
    return float(integrate.quad(in_band, 0, widest, epsabs=1e-10)[0])


def paired_power(ratio: float, n: int, *, confidence: float = 0.95) -> float:
    """Probability that the paired t interval of n pairs excludes 0; `ratio` is effect / sd.

    >>> round(paired_power(1.0, 10), 3)
    0.803
    """
    return _two_sided_power(ratio * math.sqrt(n), n - 1, confidence)


def _two_sided_power(noncentrality: float, df: int, confidence: float) -> float:
    """P(|T| > critical value) for noncentral T."""
    from scipy import special

    critical = special.stdtrit(df, (1 + require_level(confidence)) / 2)
    # scipy returns nan where a tail underflows (noncentrality > 7, probability < 1e-13).
    below = np.nan_to_num(special.nctdtr(df, noncentrality, [-critical, critical]))
    return float(1 - below[1] + below[0])


def _one_sided_power(noncentrality: float, df: int, confidence: float) -> float:
    """P(T > critical value) for noncentral T."""
    from scipy import special

    critical = special.stdtrit(df, require_level(confidence))
    return float(1 - np.nan_to_num(special.nctdtr(df, noncentrality, critical)))


def _detectable(power_at: Callable[[float], float], power: float, confidence: float) -> float:
    """The effect, in sd, at which the power is this one."""
    from scipy import optimize

    if not 1 - require_level(confidence) < require_level(power, "power"):
        raise UsageError(
            f"power must exceed {1 - confidence:.3g}, the power at no effect; it is {power}."
        )
    enough = 1.0
    while power_at(enough) < power:
        enough *= 2
    return float(optimize.brentq(lambda ratio: power_at(ratio) - power, 0, enough, xtol=1e-12))


def _fewest(power_of: Callable[[int], float], power: float) -> int:
    """First n from 2 on whose power suffices; power grows with n, so bisection finds it."""
    require_level(power, "power")
    candidates = range(2, _MAX_SEEDS)
    found = bisect_left(candidates, power, key=power_of)
    if found == len(candidates):
        raise UsageError(f"no number of seeds below {_MAX_SEEDS} reaches power {power}.")
    return candidates[found]


def _ratio(effect: float, sd: float, name: str = "effect") -> float:
    return _positive(effect, name) / _positive(sd, "sd")


def _positive(value: float, name: str) -> float:
    if not 0 < value < math.inf:
        raise UsageError(f"{name} must be positive and finite, not {value}.")
    return value
