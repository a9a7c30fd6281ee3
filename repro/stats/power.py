"""How many seeds does it take, and what can this many show? (two-sided t tests)"""

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
    from scipy import optimize

    if n < 2:
        raise UsageError(f"a paired t interval needs at least 2 pairs, not {n}.")
    if not 1 - require_level(confidence) < require_level(power, "power"):
        raise UsageError(
            f"power must exceed {1 - confidence:.3g}, the power at no effect; it is {power}."
        )
    enough = 1.0
    while paired_power(enough, n, confidence=confidence) < power:
        enough *= 2

    def shortfall(ratio: float) -> float:
        return paired_power(ratio, n, confidence=confidence) - power

    return _positive(sd, "sd") * float(optimize.brentq(shortfall, 0, enough, xtol=1e-12))


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


def _fewest(power_of: Callable[[int], float], power: float) -> int:
    """First n from 2 on whose power suffices; power grows with n, so bisection finds it."""
    require_level(power, "power")
    candidates = range(2, _MAX_SEEDS)
    found = bisect_left(candidates, power, key=power_of)
    if found == len(candidates):
        raise UsageError(f"no number of seeds below {_MAX_SEEDS} reaches power {power}.")
    return candidates[found]


def _ratio(effect: float, sd: float) -> float:
    return _positive(effect, "effect") / _positive(sd, "sd")


def _positive(value: float, name: str) -> float:
    if not 0 < value < math.inf:
        raise UsageError(f"{name} must be positive and finite, not {value}.")
    return value
