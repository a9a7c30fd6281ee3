"""How probable is it that the candidate is worse, practically equal, better?"""

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from repro.errors import UsageError
from repro.stats.estimate import Estimate
from repro.stats.folds import corrected_t
from repro.stats.paired import paired_t


@dataclass(frozen=True)
class Posterior:
    """Student's t distribution of the true difference, and its mass around the rope.

    The rope (region of practical equivalence) holds the differences that do not matter. Under the
    flat prior used here the numbers are those of the t interval, read the other way round: this
    answers another question, it is no second piece of evidence.

    Attributes
    ----------
    left, rope, right : probabilities, sum 1
        True difference below -rope, within -+rope, above rope.
    location, scale : score units
        Mean difference, and its standard error. With scale 0 (all differences equal) all mass
        lies at the location: that is what the numbers say, not certainty.
    df : degrees of freedom
    """

    left: float
    rope: float
    right: float
    location: float
    scale: float
    df: float


def correlated_t_posterior(
    differences: ArrayLike, *, test_train_ratio: float, rope: float
) -> Posterior:
    """Posterior of the true difference, from folds whose training sets overlap.

    Student's t with df = n - 1, location mean(d), scale sd(d) * sqrt(1/n + rho / (1 - rho)).
    rho = n_test / (n_train + n_test), the correlation of two folds, makes the last term
    n_test / n_train: the scale is the standard error of Nadeau and Bengio.

    Parameters
    ----------
    differences : shape (n_folds * n_repeats,), score units
        Candidate minus baseline, one per fold, signed so that more is better.
    test_train_ratio : n_test / n_train
    rope : score units, 0 or more
        Largest difference of either sign that does not matter, declared beforehand.

    Raises
    ------
    TooFewReplicates
        Fewer than two folds: no spread to estimate.

    Source
    ------
    Corani and Benavoli 2015, Machine Learning 100:285-304.

    >>> p = correlated_t_posterior([0.0, 2.0, 1.0], test_train_ratio=0.5, rope=0.1)
    >>> [round(x, 3) for x in (p.left, p.rope, p.right)]
    [0.176, 0.038, 0.786]
    """
    return posterior_of(corrected_t(differences, test_train_ratio=test_train_ratio), rope=rope)


def independent_t_posterior(differences: ArrayLike, *, rope: float) -> Posterior:
    """Posterior of the true difference, from seeds: rho = 0, independent replicates.

    Student's t with df = n - 1, location mean(d), scale sd(d) / sqrt(n); arguments, errors and
    source as for `correlated_t_posterior`. A rho above 0 is wrong for seeds: the 1/5 of five folds
    would multiply the variance of five seeds by 2.25.

    >>> p = independent_t_posterior([0.009, 0.004, 0.008, 0.002, 0.012], rope=0.002)
    >>> [round(x, 3) for x in (p.left, p.rope, p.right)]
    [0.004, 0.021, 0.975]
    """
    return posterior_of(paired_t(differences), rope=rope)


def posterior_of(estimate: Estimate, *, rope: float) -> Posterior:
    """Posterior of the true difference whose t error is known: of seeds, or corrected for folds."""
    if not 0 <= rope < math.inf:
        raise UsageError(
            f"rope must be 0 or more, in score units, not {rope}. "
            f"Declare the largest difference that does not matter."
        )
    left = _mass_below(-rope, estimate)
    right = _mass_below(-rope, _mirrored(estimate))
    return Posterior(
        left=left,
        rope=max(0.0, 1 - left - right),
        right=right,
        location=estimate.mean,
        scale=estimate.standard_error,
        df=estimate.df,
    )


def _mirrored(estimate: Estimate) -> Estimate:
    """Baseline minus candidate: the upper tail as a lower one, exact where it is tiny."""
    return Estimate(-estimate.mean, estimate.standard_error, estimate.df, estimate.n)


def _mass_below(limit: float, estimate: Estimate) -> float:
    from scipy import special

    if not estimate.has_spread:
        return float(estimate.mean < limit)
    return float(special.stdtr(estimate.df, (limit - estimate.mean) / estimate.standard_error))
