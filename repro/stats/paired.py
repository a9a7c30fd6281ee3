"""Is the candidate better on the same seeds?"""

import math

import numpy as np
from numpy.typing import ArrayLike

from repro.errors import UsageError
from repro.stats.estimate import Estimate
from repro.stats.sample import EQUAL_RTOL, as_sample, is_constant, variance

_MAX_FLIPPED = 16


def paired_t(differences: ArrayLike) -> Estimate:
    """Mean of paired differences with Student's t error.

    mean = sum(d) / n, standard error = sd(d) / sqrt(n), df = n - 1. Exact for normal differences;
    coverage of the 95 % interval falls to .88 at n = 5 for exponential ones.

    Parameters
    ----------
    differences : shape (n,), score units
        Candidate minus baseline, one per seed, signed so that more is better.

    Raises
    ------
    TooFewReplicates
        Fewer than two differences: no spread to estimate.

    Source
    ------
    Student 1908.

    >>> e = paired_t([0.009, 0.004, 0.008, 0.002, 0.012])
    >>> round(e.mean, 4), e.df, [round(x, 5) for x in e.interval(0.95)]
    (0.007, 4, [0.00203, 0.01197])
    """
    d = as_sample(differences, "differences")
    return Estimate(float(d.mean()), math.sqrt(variance(d) / d.size), d.size - 1, d.size)


def sign_flip_p(differences: ArrayLike) -> float | None:
    """Exact two-sided p that the differences are symmetric around 0.

    Share of all 2^n sign patterns whose |sum| reaches the observed one. It assumes no shape, and
    cannot fall below 2^(1-n): five seeds never reach .05. None above 16 differences: too many
    patterns to enumerate, and a sampled p would not be exact.

    Source
    ------
    Fisher 1935, The Design of Experiments, section 21.

    >>> sign_flip_p([0.009, 0.004, 0.008, 0.002, 0.012])
    0.0625
    """
    d = as_sample(differences, "differences", at_least=1)
    if d.size > _MAX_FLIPPED:
        return None
    sums = np.zeros(1)
    for step in d:
        sums = np.concatenate([sums + step, sums - step])
    # Ties by rounding count as reached: p may only grow.
    reached = abs(d.sum()) - EQUAL_RTOL * np.abs(d).sum()
    return float(np.mean(np.abs(sums) >= reached))


def correlation(baseline: ArrayLike, candidate: ArrayLike) -> float | None:
    """Pearson correlation of the two arms over their pairs: what pairing gained.

    None with fewer than three pairs (two points always lie on a line) or a constant arm.

    >>> correlation([0.903, 0.901, 0.910], [0.903, 0.901, 0.910])
    1.0
    """
    b, c = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
    if b.size != c.size:
        raise UsageError(f"pairs need equal lengths, not {b.size} baseline and {c.size} candidate.")
    if b.size < 3 or is_constant(b) or is_constant(c):
        return None
    return float(np.clip(np.corrcoef(b, c)[0, 1], -1, 1))
