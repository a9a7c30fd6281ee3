"""Is the candidate better when the two arms have no seed in common?"""

import math
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from repro.stats.estimate import Estimate
from repro.stats.sample import EQUAL_RTOL, as_sample, variance

_MAX_REGROUPINGS = 100_000


def welch_t(baseline: ArrayLike, candidate: ArrayLike) -> Estimate:
    """Difference of two independent means, without assuming equal variances.

    With v = var / n of each arm: standard error = sqrt(v_b + v_c), and Satterthwaite's
    df = (v_b + v_c)^2 / (v_b^2 / (n_b - 1) + v_c^2 / (n_c - 1)).

    Parameters
    ----------
    baseline, candidate : shapes (n_b,) and (n_c,), score units
        Independent runs; more is better.

    Raises
    ------
    TooFewReplicates
        Fewer than two scores in an arm.

    Source
    ------
    Welch 1947; Satterthwaite 1946.

    >>> e = welch_t([0.90, 0.92, 0.94], [0.95, 0.95, 0.98])
    >>> round(e.mean, 3), round(e.df, 2)
    (0.04, 3.92)
    """
    b, c = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
    v_b, v_c = variance(b) / b.size, variance(c) / c.size
    standard_error = math.sqrt(v_b + v_c)
    df = _satterthwaite_df(v_b, v_c, b.size, c.size)
    return Estimate(float(c.mean() - b.mean()), standard_error, df, b.size + c.size)


def _satterthwaite_df(v_b: float, v_c: float, n_b: int, n_c: int) -> float:
    """Degrees of freedom of Welch's t; of the pooled t when neither arm varies."""
    if v_b + v_c == 0:
        return float(n_b + n_c - 2)
    share_b = v_b / (v_b + v_c)  # shares, not squares: tiny variances would underflow
    return 1 / (share_b**2 / (n_b - 1) + (1 - share_b) ** 2 / (n_c - 1))


def permutation_p(baseline: ArrayLike, candidate: ArrayLike) -> float | None:
    """Exact two-sided p that the arm of a run does not matter.

    Share of all C(n_b + n_c, n_b) regroupings whose |difference of means| reaches the observed
    one. None above 100 000 regroupings. It also rejects arms that differ in spread alone.

    Source
    ------
    Pitman 1937.

    >>> permutation_p([0.90, 0.92, 0.94], [0.95, 0.96, 0.98])
    0.1
    """
    b = as_sample(baseline, "baseline", at_least=1)
    c = as_sample(candidate, "candidate", at_least=1)
    if math.comb(b.size + c.size, b.size) > _MAX_REGROUPINGS:
        return None
    pooled = np.concatenate([b, c])
    centred = pooled - pooled.mean()
    # Around the common mean, the sum of one group fixes both means, so it ranks the regroupings.
    groups = np.array(list(combinations(range(pooled.size), b.size)))
    sums = np.abs(centred[groups].sum(axis=1))
    # Ties by rounding count as reached: p may only grow.
    reached = abs(centred[: b.size].sum()) - EQUAL_RTOL * np.abs(centred).sum()
    return float(np.mean(sums >= reached))
