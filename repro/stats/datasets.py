"""Is one method better than others over several data sets, with one score on each?"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repro.errors import TooFewReplicates, UsageError
from repro.stats.estimate import require_level
from repro.stats.sample import EQUAL_RTOL, FloatArray, as_sample

_MIN_DATASETS = 6  # of five, even the rarest signs have p = 2 / 2^5 > .05
_MAX_EXACT = 25
_BLOCK = 2**20  # weights drawn at once: 8 MiB
_SIGN_PRIOR = 1.0
_SIGNED_RANK_PRIOR = 0.5


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test.

    Attributes
    ----------
    n : data sets, ties between the methods included
    r_plus, r_minus : sums of the ranks of gains and of losses
    p_value : two-sided
    is_exact : whether the p was counted, not approximated
    """

    n: int
    r_plus: float
    r_minus: float
    p_value: float
    is_exact: bool


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Wilcoxon's signed-rank test that the differences are symmetric around 0.

    The absolute differences are ranked, equal ones by their average rank. A difference of 0 has
    a rank, too, half of which counts as gain and half as loss (`zero_method="zsplit"` of scipy).

    Up to 25 data sets the p is exact given the ranks: the share of all sign patterns of the
    differences that are not 0 whose rank sum is as far from its mean. Hence it holds with ties and
    zeros. scipy.stats.wilcoxon does not: `method="exact"` takes the ranks 1..n without ties, and
    "auto" turns to the normal approximation above 13 data sets as soon as two are tied. Beyond 25,
    normal with the variance of these same sign patterns, sum(rank^2) / 4.

    Parameters
    ----------
    differences : shape (n_datasets,), score units
        Candidate minus baseline, one per data set, signed so that more is better. Their sizes
        must be comparable. Two that differ by less than 1e-9 of the largest are equal.

    Raises
    ------
    TooFewReplicates
        Fewer than 6 data sets: no outcome could reach p < .05.

    Source
    ------
    Wilcoxon 1945; for data sets Demsar 2006, Journal of Machine Learning Research 7:1-30, 3.1.3.

    >>> found = signed_rank([0.02, 0.01, 0.03, 0.0, 0.05, 0.04, -0.01])
    >>> found.r_plus, found.r_minus, found.p_value
    (25.0, 3.0, 0.09375)
    """
    d = _as_datasets(differences)
    size = np.abs(d)
    ranks = _average_ranks(size)
    is_zero = size <= EQUAL_RTOL * size.max()
    half_zeros = float(ranks[is_zero].sum() / 2)
    gains = float(ranks[~is_zero & (d > 0)].sum())
    p_of = _signed_rank_p_exact if d.size <= _MAX_EXACT else _signed_rank_p_normal
    return SignedRank(
        n=d.size,
        r_plus=gains + half_zeros,
        r_minus=float(ranks[~is_zero & (d < 0)].sum()) + half_zeros,
        p_value=p_of(ranks[~is_zero], gains),
        is_exact=d.size <= _MAX_EXACT,
    )


def _signed_rank_p_exact(ranks: FloatArray, gains: float) -> float:
    """Counts the sign patterns by their rank sum, doubled so that it is whole."""
    total = round(2 * ranks.sum())
    n_patterns = np.zeros(total + 1)
    n_patterns[0] = 1
    for rank in (2 * ranks).round().astype(int):
        n_patterns[rank:] += n_patterns[: total + 1 - rank].copy()
    distance = np.abs(2 * np.arange(total + 1) - total)
    reached = distance >= abs(2 * round(2 * gains) - total)
    return float(n_patterns[reached].sum() / n_patterns.sum())


def _signed_rank_p_normal(ranks: FloatArray, gains: float) -> float:
    from scipy import special

    if not ranks.size:
        return 1.0
    z = (gains - ranks.sum() / 2) / math.sqrt((ranks**2).sum() / 4)
    return float(2 * special.ndtr(-abs(z)))


@dataclass(frozen=True)
class Friedman:
    """Friedman's test with the F of Iman and Davenport.

    Attributes
    ----------
    average_ranks : one per method, 1 is best
    chi2 : Friedman's statistic
    f : Iman and Davenport's, with `df` degrees of freedom; infinite if all data sets agree
    p_value : of f
    """

    average_ranks: tuple[float, ...]
    chi2: float
    f: float
    df: tuple[int, int]
    p_value: float


def friedman(scores: ArrayLike) -> Friedman:
    """Do more than two methods rank alike over the data sets?

    With R_j the average rank of method j, N data sets, k methods:
    chi2 = 12 N / (k (k + 1)) * (sum(R_j^2) - k (k + 1)^2 / 4), and
    F = (N - 1) chi2 / (N (k - 1) - chi2) with k - 1 and (k - 1)(N - 1) degrees of freedom.
    No correction for ties, as in the source: ties make the test conservative. The p is never below
    k!^(1 - N), that of N equal rankings.

    Parameters
    ----------
    scores : shape (n_datasets, n_methods), more is better
        Compared within a data set only.

    Raises
    ------
    TooFewReplicates
        Fewer than 6 data sets.
    UsageError
        Fewer than 3 methods (use `signed_rank`); not a table of finite numbers.

    Source
    ------
    Friedman 1937; Iman and Davenport 1980; Demsar 2006, section 3.2.2.

    >>> found = friedman([[0.9, 0.8, 0.7], [0.8, 0.9, 0.6]] * 3)
    >>> found.average_ranks, round(found.chi2, 2), round(found.f, 2), round(found.p_value, 4)
    ((1.5, 1.5, 3.0), 9.0, 15.0, 0.001)
    """
    from scipy import special

    table = _as_table(scores)
    n, k = table.shape
    ranks = np.array([_average_ranks(-row) for row in table]).mean(axis=0)
    chi2 = 12 * n / (k * (k + 1)) * float((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > EQUAL_RTOL * chi2 else math.inf
    df = (k - 1, (k - 1) * (n - 1))
    rarest = math.exp((1 - n) * math.lgamma(k + 1))
    p_value = max(rarest, float(special.fdtrc(*df, f)) if f < math.inf else 0.0)
    return Friedman(tuple(ranks.tolist()), chi2, f, df, p_value)


def critical_difference(n_methods: int, n_datasets: int, *, alpha: float = 0.05) -> float:
    """Nemenyi: two methods differ if their average ranks are at least this far apart.

    q / sqrt(2) * sqrt(k (k + 1) / (6 N)), q the 1 - alpha quantile of the studentized range of k
    values with infinite degrees of freedom. Holds for all pairs at once; to be read after
    `friedman` has rejected.

    Source
    ------
    Nemenyi 1963; Demsar 2006, section 3.2.2.

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    from scipy import stats

    if n_methods < 2 or n_datasets < 1:
        raise UsageError(
            f"a critical difference needs at least 2 methods and 1 data set, "
            f"not {n_methods} and {n_datasets}."
        )
    q = float(stats.studentized_range.ppf(1 - require_level(alpha, "alpha"), n_methods, math.inf))
    return q / math.sqrt(2) * math.sqrt(n_methods * (n_methods + 1) / (6 * n_datasets))


class RegionPosterior(NamedTuple):
    """Probabilities that losses, small differences, or gains are the likeliest on a new data set.

    `rope` is the region of practical equivalence: differences within -+rope.
    """

    left: float
    rope: float
    right: float


def sign_posterior(differences: ArrayLike, *, rope: float) -> RegionPosterior:
    """Which sign of the difference has the largest probability on a further data set?

    The probabilities of the three regions are Dirichlet(n_left, n_rope + 1, n_right): a Dirichlet
    process with one prior observation in the rope. Integrated, not sampled: region i is the
    largest with probability E[F_j(G) F_k(G)], G ~ Gamma(n_i), F the gamma distribution functions.

    Parameters
    ----------
    differences : shape (n_datasets,), score units
        Candidate minus baseline, one per data set, signed so that more is better.
    rope : score units, 0 or more
        A difference of exactly `rope` lies within.

    Raises
    ------
    TooFewReplicates
        Fewer than 6 data sets.

    Source
    ------
    Benavoli, Corani, Demsar and Zaffalon 2017, Journal of Machine Learning Research 18:1-36.

    >>> p = sign_posterior([0.03, 0.02, 0.04, 0.02, 0.0, 0.03, -0.02], rope=0.01)
    >>> [round(x, 3) for x in p]
    [0.025, 0.105, 0.87]
    """
    d = _as_datasets(differences)
    limit = _limit(rope)
    n_left, n_right = int(np.sum(d < -limit)), int(np.sum(d > limit))
    n_rope = d.size - n_left - n_right + _SIGN_PRIOR
    left = _largest_gamma(n_left, (n_rope, n_right))
    right = _largest_gamma(n_right, (n_rope, n_left))
    return RegionPosterior(left, max(0.0, 1 - left - right), right)


def _largest_gamma(shape: float, others: tuple[float, float]) -> float:
    """P(a gamma variable is larger than two others); one of shape 0 is 0."""
    from scipy import integrate, special

    if shape == 0:
        return 0.0

    def others_below(quantile: float) -> float:
        value = special.gammaincinv(shape, quantile)
        return math.prod(float(special.gammainc(other, value)) for other in others if other > 0)

    return float(integrate.quad(others_below, 0, 1)[0])


def signed_rank_posterior(
    differences: ArrayLike, *, rope: float, n_draws: int = 50_000, seed: int = 0
) -> RegionPosterior:
    """Which region do the averages of two differences most probably fall into?

    The Bayesian counterpart of `signed_rank`. Each draw weighs a prior observation at 0 and the
    data sets by Dirichlet(1/2, 1, ..., 1); the region that holds most of the weight
    w_i * w_j of the averages (d_i + d_j) / 2 wins the draw. Monte-Carlo error below .0023 (one
    standard error, 50 000 draws), from a generator of its own.

    Parameters, errors and source as for `sign_posterior`; also Benavoli et al. 2014, A Bayesian
    Wilcoxon signed-rank test based on the Dirichlet process.

    >>> p = signed_rank_posterior([0.03, 0.02, 0.04, 0.02, 0.0, 0.03, -0.02], rope=0.01)
    >>> [round(x, 2) for x in p]
    [0.0, 0.25, 0.75]
    """
    d = np.concatenate([[0.0], _as_datasets(differences)])
    limit = 2 * _limit(rope)
    sums = d[:, np.newaxis] + d
    below, above = (sums < -limit).astype(np.float64), (sums > limit).astype(np.float64)
    if n_draws < 1:
        raise UsageError(f"n_draws must be 1 or more, such as 50000, not {n_draws}.")
    prior = np.concatenate([[_SIGNED_RANK_PRIOR], np.ones(d.size - 1)])
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // d.size)
    won = np.zeros(3)
    for done in range(0, n_draws, block):
        weights = rng.dirichlet(prior, min(block, n_draws - done))
        won += _draws_won(weights, below, above)
    left, within, right = (won / n_draws).tolist()
    return RegionPosterior(left, within, right)


def _draws_won(weights: FloatArray, below: FloatArray, above: FloatArray) -> NDArray[np.intp]:
    left = ((weights @ below) * weights).sum(axis=1)
    right = ((weights @ above) * weights).sum(axis=1)
    winner = np.argmax([left, 1 - left - right, right], axis=0)
    return np.bincount(winner, minlength=3)


def _average_ranks(values: FloatArray) -> FloatArray:
    """Rank 1 for the smallest; equal values, but for rounding, share their average rank."""
    order = np.argsort(values)
    steps = np.diff(values[order]) > EQUAL_RTOL * np.abs(values).max()
    group = np.concatenate([[0], np.cumsum(steps)])
    positions = np.arange(1, values.size + 1)
    average = np.bincount(group, weights=positions) / np.bincount(group)
    ranks = np.empty(values.size)
    ranks[order] = average[group]
    return ranks


def _as_datasets(differences: ArrayLike) -> FloatArray:
    d = as_sample(differences, "differences", at_least=0)
    _refuse_few(d.size)
    return d


def _as_table(scores: ArrayLike) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 3:
        raise UsageError(
            f"scores must have a row for each data set and a column for each of 3 or more methods, "
            f"not shape {table.shape}. For two methods use signed_rank."
        )
    for row, scored in enumerate(table):
        as_sample(scored, f"scores of data set {row}")
    _refuse_few(table.shape[0])
    return table


def _refuse_few(n_datasets: int) -> None:
    if n_datasets < _MIN_DATASETS:
        raise TooFewReplicates(
            f"{n_datasets} data sets given, at least {_MIN_DATASETS} needed to judge a method over "
            f"data sets. Add data sets, or judge each by itself."
        )


def _limit(rope: float) -> float:
    """The rope, widened by rounding: .92 - .91 lies within a rope of .01."""
    if not 0 <= rope < math.inf:
        raise UsageError(
            f"rope must be 0 or more, in score units, not {rope}. "
            f"Declare the largest difference that does not matter."
        )
    return rope * (1 + EQUAL_RTOL)
