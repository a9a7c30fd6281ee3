"""How many seeds show that the candidate wins more often than not?"""

import math

from repro.errors import UsageError
from repro.stats.estimate import require_level


def seeds_needed_to_win(
    probability: float, *, power: float = 0.95, confidence: float = 0.95
) -> int:
    """Runs per arm that show P(candidate > baseline) > 1/2 by a one-sided rank test.

    n = (z_confidence + z_power)^2 / (6 * (probability - 1/2)^2), rounded up: Noether's total for
    two independent arms of equal size, halved. A normal approximation, good to about one seed.
    Alpha and beta are both .05 by default, the convention of Bouthillier et al., who want both
    mistakes to be as rare; `power=0.8` asks what the t tests of `repro.stats.power` are asked.

    Parameters
    ----------
    probability : above 1/2, at most 1
        True probability that a random run of the candidate beats a random one of the baseline.

    Source
    ------
    Noether 1987, Journal of the American Statistical Association 82:645-647; Bouthillier et al.
    2021, Accounting for variance in machine learning benchmarks, appendix C.3.

    >>> [seeds_needed_to_win(p) for p in (0.65, 0.70, 0.75, 0.80)]
    [81, 46, 29, 21]
    """
    from scipy import special

    if not 0.5 < probability <= 1:
        raise UsageError(
            f"probability must lie above 0.5, at which nobody wins, and at most at 1; "
            f"it is {probability}."
        )
    if not 1 - require_level(confidence) < require_level(power, "power"):
        raise UsageError(
            f"power must exceed {1 - confidence:.3g}, the power at no effect; it is {power}."
        )
    z_sum = float(special.ndtri(confidence) + special.ndtri(power))
    return math.ceil(z_sum**2 / (6 * (probability - 0.5) ** 2))
