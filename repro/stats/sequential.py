"""How sure must each look be, when seeds are added and looked at again?"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from repro.errors import UsageError
from repro.stats.estimate import require_level

Spending = Callable[[float, float], float]
"""Cumulative alpha spent at a fraction (0 to 1) of the last look, given the total alpha."""

DEFAULT_LOOKS = (5, 10)


def linear(fraction: float, alpha: float) -> float:
    """Alpha in proportion to the replicates: looks at 5 and 10 get .025 each."""
    return alpha * fraction


def pocock(fraction: float, alpha: float) -> float:
    """Pocock's type: nearly equal at every look. alpha * ln(1 + (e - 1) * fraction).

    Source: Lan and DeMets 1983, Biometrika 70:659-663.

    >>> round(pocock(0.5, 0.05), 4)
    0.031
    """
    return alpha * math.log1p(math.expm1(1) * fraction)


def obrien_fleming(fraction: float, alpha: float) -> float:
    """O'Brien and Fleming's type: early looks get almost nothing, the last nearly all.

    2 * (1 - Phi(z_(1 - alpha/2) / sqrt(fraction))).

    Source: Lan and DeMets 1983, Biometrika 70:659-663.

    >>> round(obrien_fleming(0.5, 0.05), 4)
    0.0056
    """
    from scipy import special

    return float(2 * special.ndtr(special.ndtri(alpha / 2) / math.sqrt(fraction)))


def spend(
    looks: Sequence[int] = DEFAULT_LOOKS, alpha: float = 0.05, *, spending: Spending = linear
) -> tuple[float, ...]:
    """The alpha of each declared look; together they spend `alpha`.

    alpha_k = spending(n_k / n_last) - spending(n_(k-1) / n_last). Each look is a test of its own at
    alpha_k, so by the sum of their errors the type I error of all is at most alpha: exact for
    small n, where the usual boundaries for correlated normal sums are not. The price is some
    power: two looks at .025 err with probability .044 in all.

    Parameters
    ----------
    looks : replicates at which an audit may look, ascending, declared before the first
    spending : `linear`, `pocock` or `obrien_fleming`

    Raises
    ------
    UsageError
        Looks that do not ascend from at least 2.

    >>> spend((5, 10))
    (0.025, 0.025)
    """
    _refuse_disorder(looks)
    require_level(alpha, "alpha")
    spent = [0.0, *(spending(n / looks[-1], alpha) for n in looks)]
    return tuple(after - before for before, after in pairwise(spent))


def confidence_at(
    n: int,
    looks: Sequence[int] = DEFAULT_LOOKS,
    alpha: float = 0.05,
    *,
    spending: Spending = linear,
) -> float:
    """Confidence with which the look at n replicates must decide: 1 - its share of alpha.

    Raises
    ------
    UsageError
        n is no declared look.

    >>> confidence_at(5)
    0.975
    """
    shares = dict(zip(looks, spend(looks, alpha, spending=spending), strict=True))
    if n not in shares:
        raise UsageError(
            f"{n} replicates are no declared look; declared: {', '.join(map(str, looks))}. "
            f"Run as many as the next look asks for."
        )
    return 1 - shares[n]


def _refuse_disorder(looks: Sequence[int]) -> None:
    if not looks or looks[0] < 2 or any(later <= earlier for earlier, later in pairwise(looks)):
        raise UsageError(
            f"looks are numbers of replicates that ascend from at least 2, such as (5, 10), "
            f"not {tuple(looks)}."
        )
