"""What would the best of k runs score? A number to compare budgets with, never a gate."""

import math

import numpy as np
from numpy.typing import ArrayLike

from repro.errors import UsageError
from repro.stats.sample import as_sample


def expected_maximum(scores: ArrayLike, k: int) -> float:
    """Expected best of k runs drawn with replacement from those that were made.

    Sum over the ascending scores s_i of s_i * ((i / n)^k - ((i - 1) / n)^k). Never above the best
    score seen, hence too low on average, the more so the nearer k is to n. Compare methods at
    equal k only.

    Parameters
    ----------
    scores : shape (n,), score units
        One per run, all runs; negate them if less is better, and negate the result.
    k : runs to pick the best of, 1 or more

    Source
    ------
    Dodge et al. 2019, Show your work, equation 6 (a V-statistic).

    >>> [round(expected_maximum([0.90, 0.92, 0.94], k), 4) for k in (1, 2, 3)]
    [0.92, 0.9289, 0.9333]
    """
    ascending = np.sort(as_sample(scores, "scores", at_least=1))
    _require_k(k)
    reached = (np.arange(ascending.size + 1) / ascending.size) ** k
    return float(ascending @ np.diff(reached))


def unbiased_expected_maximum(scores: ArrayLike, k: int) -> float:
    """Mean of the best over all subsets of k runs: unbiased, but k cannot exceed n.

    Sum over the ascending scores s_i of s_i * C(i - 1, k - 1) / C(n, k). Parameters as for
    `expected_maximum`.

    Source
    ------
    Tang et al. 2020, Showing your work doesn't always work (a U-statistic).

    >>> [round(unbiased_expected_maximum([0.90, 0.92, 0.94], k), 4) for k in (1, 2, 3)]
    [0.92, 0.9333, 0.94]
    """
    ascending = np.sort(as_sample(scores, "scores", at_least=1))
    _require_k(k)
    if k > ascending.size:
        raise UsageError(f"the best of {k} runs needs at least {k} scores, not {ascending.size}.")
    subsets = math.comb(ascending.size, k)
    weights = [math.comb(i, k - 1) / subsets for i in range(ascending.size)]
    return float(ascending @ np.array(weights))


def _require_k(k: int) -> None:
    if k < 1:
        raise UsageError(f"k is a number of runs, 1 or more, not {k}.")
