"""The smallest alpha at which a gate opens: p-values of better, not worse, and equal enough.

Each p is below alpha exactly where the gate of `repro.stats.decision`, drawn at that alpha instead
of .05, lets the claim pass. So they can be corrected together, whatever the goals.
"""

import math

from repro.errors import UsageError
from repro.stats.estimate import Estimate


def superiority_p(estimate: Estimate) -> float:
    """p of "not better": smallest alpha whose two-sided 1 - alpha interval reaches down to 0.

    2 * P(T > mean / standard error), at most 1. Two-sided, hence doubled. 1 without spread: no
    noise was measured, so no gain was shown.

    >>> round(superiority_p(Estimate(mean=0.007, standard_error=0.00179, df=4, n=5)), 3)
    0.017
    """
    if not estimate.has_spread:
        return 1.0
    return min(1.0, 2 * _p_above(estimate, 0.0))


def non_inferiority_p(estimate: Estimate, margin: float) -> float:
    """p of "worse by the margin or more": smallest alpha whose 1 - alpha lower bound is -margin.

    P(T > (mean + margin) / standard error). Without spread 0 or 1: the bound is the mean itself.

    Parameters
    ----------
    margin : score units, 0 or more
        Largest loss that does not matter, declared beforehand.

    >>> e = Estimate(mean=0.007, standard_error=0.00179, df=4, n=5)
    >>> round(non_inferiority_p(e, 0.005), 4)
    0.0013
    """
    return _p_above(estimate, -_require_margin(margin))


def tost_p(estimate: Estimate, margin: float) -> float:
    """p of "different by the margin or more": the larger one of two one-sided tests.

    Below alpha where the two-sided 1 - 2 * alpha interval lies within -+margin. Without spread 0
    or 1: the interval is the mean itself.

    Parameters
    ----------
    margin : score units, 0 or more
        Largest change of either sign that does not matter, declared beforehand.

    Source
    ------
    Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657-680.

    >>> e = Estimate(mean=0.007, standard_error=0.00179, df=4, n=5)
    >>> round(tost_p(e, 0.01), 3)
    0.085
    """
    mirrored = Estimate(-estimate.mean, estimate.standard_error, estimate.df, estimate.n)
    return max(non_inferiority_p(estimate, margin), non_inferiority_p(mirrored, margin))


def _p_above(estimate: Estimate, limit: float) -> float:
    """One-sided p of "the truth is at most `limit`"."""
    from scipy import special

    if not estimate.has_spread:
        return 0.0 if estimate.mean > limit else 1.0
    return float(special.stdtr(estimate.df, (limit - estimate.mean) / estimate.standard_error))


def _require_margin(margin: float) -> float:
    if not 0 <= margin < math.inf:
        raise UsageError(
            f"margin must be 0 or more, in score units, not {margin}. "
            f"Declare the largest change that does not matter."
        )
    return margin
