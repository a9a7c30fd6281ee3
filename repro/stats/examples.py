"""Does this model beat that model on these examples? (one run per arm)

Examples sample the test set, not the training: all of this is about this model vs that model, not
this method vs that method. Another seed may reverse it.
"""

import numpy as np
from numpy.typing import ArrayLike

from repro.errors import TooFewReplicates, UsageError
from repro.stats.estimate import Interval, require_level
from repro.stats.sample import FloatArray, as_sample

_MIN_EXAMPLES = 200
_MAX_DISTINCT = 1_000
_BLOCK_CELLS = 1 << 20


def example_bootstrap(
    differences: ArrayLike, *, seed: int, n_resamples: int = 2_000, confidence: float = 0.95
) -> Interval:
    """Percentile interval of the mean difference of two models over independent examples.

    The (1 -+ confidence) / 2 quantiles of the mean of n differences drawn with replacement. This
    model vs that model, not method vs method: the training is not repeated. Examples that come in
    groups (frames of one film) are not independent: average each group first.

    Time grows with n * n_resamples, about 10 ns each; differences of at most 1000 distinct values,
    such as those of 0/1 scores, take milliseconds. Memory: two copies of the differences.

    Parameters
    ----------
    differences : shape (n_examples,), score units
        Candidate minus baseline, one per example, signed so that more is better.
    seed : of the generator of this call; no global generator is read or moved

    Raises
    ------
    TooFewReplicates
        Fewer than 200 examples: percentile intervals are too narrow for so few.

    Source
    ------
    Efron 1979; Efron and Tibshirani 1993, chapter 13.

    >>> low, high = example_bootstrap([0, 0, 0, 1, 0, 0, -1, 1] * 50, seed=0)
    >>> round(low, 2), round(high, 2)
    (0.07, 0.18)
    """
    d = as_sample(differences, "differences", at_least=1)
    if d.size < _MIN_EXAMPLES:
        raise TooFewReplicates(
            f"differences: {d.size} examples given, at least {_MIN_EXAMPLES} needed: "
            f"fewer make the bootstrap interval too narrow. Score more examples, or run more seeds."
        )
    if n_resamples < 1:
        raise UsageError(f"n_resamples must be at least 1, not {n_resamples}.")
    tail = (1 - require_level(confidence)) / 2
    means = _resampled_means(d, n_resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _resampled_means(d: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Means of resamples; block by block, so that memory does not grow with their number."""
    values, counts = np.unique(d, return_counts=True)
    few = values.size <= _MAX_DISTINCT  # then how often each value is drawn says all
    per_block = max(1, _BLOCK_CELLS // (values.size if few else d.size))
    means = np.empty(n_resamples)
    for start in range(0, n_resamples, per_block):
        block = means[start : start + per_block]
        if few:
            block[:] = rng.multinomial(d.size, counts / d.size, size=block.size) @ values / d.size
        else:
            block[:] = d[rng.integers(d.size, size=(block.size, d.size))].mean(axis=1)
    return means


def mcnemar_exact(b: int, c: int) -> float:
    """Exact two-sided p that two models err equally often on the same examples.

    2 * P(X <= min(b, c)) for X ~ Binomial(b + c, 1/2), at most 1: examples on which both are right
    or both are wrong say nothing. This model vs that model, not method vs method.

    Parameters
    ----------
    b, c : examples that only the baseline, only the candidate gets right

    Source
    ------
    McNemar 1947, Psychometrika 12:153-157, with binomial instead of chi-square tails.

    >>> mcnemar_exact(1, 8)
    0.0390625
    """
    from scipy import special

    if min(b, c) < 0:
        raise UsageError(f"counts of examples cannot be negative: b={b}, c={c}.")
    return min(1.0, float(2 * special.bdtr(min(b, c), b + c, 0.5)))


def discordant_counts(baseline_correct: ArrayLike, candidate_correct: ArrayLike) -> tuple[int, int]:
    """Examples that only the baseline, and that only the candidate gets right.

    Parameters
    ----------
    baseline_correct, candidate_correct : shape (n_examples,), 0 or 1, in the same order

    Raises
    ------
    UsageError
        Different lengths, or a value besides 0 and 1.

    >>> discordant_counts([1, 1, 0, 0], [1, 0, 1, 1])
    (1, 2)
    """
    b = _as_correct(baseline_correct, "baseline_correct")
    c = _as_correct(candidate_correct, "candidate_correct")
    if b.size != c.size:
        raise UsageError(
            f"both models must score the same examples, not {b.size} baseline and {c.size} "
            f"candidate ones."
        )
    return int(np.sum(b > c)), int(np.sum(c > b))


def _as_correct(values: ArrayLike, name: str) -> FloatArray:
    correct = as_sample(values, name, at_least=1)
    other = correct[(correct != 0) & (correct != 1)]
    if other.size:
        raise UsageError(f"{name} must be 0 or 1 for each example, not {other[0]}.")
    return correct
