"""What do the scores of two arms say about their difference, and by which method?"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from repro.errors import TooFewReplicates, UsageError
from repro.stats.estimate import Estimate, Interval, Uncertain
from repro.stats.folds import corrected_t
from repro.stats.paired import correlation, paired_t, sign_flip_p
from repro.stats.power import seeds_needed, seeds_needed_unpaired
from repro.stats.probability import (
    ProbabilityBetter,
    probability_better,
    probability_better_unpaired,
)
from repro.stats.sample import FloatArray, is_constant, variance
from repro.stats.unpaired import permutation_p, welch_t

ReplicateKind = Literal["seed", "fold", "task"]
Key = TypeVar("Key", bound=Hashable)
Method = Literal[
    "paired t", "Welch t", "Nadeau-Bengio corrected t", "interquartile mean", "signed ranks"
]

ALPHA = 0.05
FEW_PAIRS = 5  # below it sign flips reach no p under 1/8

# Two scores this close are one score, summed in another order: no arm wins by rounding.
_ROUNDING_RTOL = 1e-12


@dataclass(frozen=True)
class _Analysis:
    """What the chosen method says; every difference signed so that more is better."""

    method: Method
    estimate: Estimate
    p_exact: float | None
    probability_better: ProbabilityBetter
    correlation: float | None
    sd: float


@dataclass(frozen=True)
class Comparison:
    """Candidate minus baseline, signed so that more is better, with its uncertainty.

    Attributes
    ----------
    method : as printed to people
    notes : sentences: why this method, and what weakens it
    kind : what a replicate is
    n_baseline, n_candidate : scores handed over
    n_pairs : replicates that both arms have; only they are analysed if the method is paired
    missing_in_baseline, missing_in_candidate : replicates that only the other arm has
    baseline_mean, candidate_mean : means of the analysed scores, in the metric's own direction
    estimate : mean difference and its t error
    p_exact : sign-flip p of pairs (n <= 16), permutation p of unpaired arms; None for folds
    probability_better : P(candidate better) on a random replicate
    correlation : of the paired scores; None if unpaired, fewer than 3 pairs, or a constant arm
    sd : of the differences; for Welch's t of one run (root mean square of both arms)
    scores_vary : whether the replicates of at least one arm scored differently
    alpha : share of wrong decisions that a gate may make; below .05 where several are made
    """

    method: Method
    notes: tuple[str, ...]
    kind: ReplicateKind
    n_baseline: int
    n_candidate: int
    n_pairs: int
    missing_in_baseline: tuple[Hashable, ...]
    missing_in_candidate: tuple[Hashable, ...]
    baseline_mean: float
    candidate_mean: float
    estimate: Uncertain
    p_exact: float | None
    probability_better: ProbabilityBetter
    correlation: float | None
    sd: float
    scores_vary: bool
    alpha: float = ALPHA

    @property
    def difference(self) -> float:
        """Mean of candidate minus baseline, signed so that more is better."""
        return self.estimate.mean

    @property
    def interval(self) -> Interval:
        """Two-sided interval of the difference, at confidence 1 - alpha."""
        return self.estimate.interval(1 - self.alpha)

    @property
    def inner_interval(self) -> Interval:
        """At confidence 1 - 2 alpha: within the margin, both one-sided tests reject (TOST)."""
        return self.estimate.interval(1 - 2 * self.alpha)

    @property
    def lower_bound(self) -> float:
        """One-sided: the difference is above this with confidence 1 - alpha."""
        return self.estimate.lower_bound(1 - self.alpha)

    @property
    def p_value(self) -> float | None:
        """Two-sided p of the t method; None when all differences are equal, but not 0."""
        return self.estimate.p_value

    @property
    def n_replicates(self) -> int:
        """Replicates that carry information about noise.

        Seeds that change no score of either arm are one run repeated, however many they are.
        """
        if self.kind == "seed" and not self.scores_vary:
            return 1
        return min(self.n_baseline, self.n_candidate) if self._is_unpaired else self.n_pairs

    @property
    def is_without_noise(self) -> bool:
        """Whether all differences are equal, and not 0: how far they could vary is not known."""
        return not self.estimate.has_spread and self.estimate.mean != 0

    @property
    def scope(self) -> str:
        """What the replicates did not vary, and the interval therefore does not cover."""
        if self.kind == "seed":
            return "holds for this data and this split: only the seed was varied"
        if self.kind == "task":
            is_of_these = self.method == "interquartile mean"  # drawn anew within each task
            return f"holds for {'these tasks' if is_of_these else 'tasks like these'}"
        return "holds for this data: folds vary the split, not the data"

    def replicates_needed(self, min_effect: float) -> int | None:
        """Pairs (unpaired: runs per arm) that show `min_effect` with power .8 at this `sd`.

        None without spread, where no feasible number does, and for folds: their number does not
        shrink the overlap term; nor for tasks, which are not normal.
        """
        if self.kind != "seed" or self.sd == 0:
            return None
        needed = seeds_needed_unpaired if self._is_unpaired else seeds_needed
        try:
            return needed(min_effect, self.sd, confidence=1 - self.alpha)
        except UsageError:
            return None

    @property
    def _is_unpaired(self) -> bool:
        return self.method == "Welch t"


def compare(
    baseline: Mapping[Key, float],
    candidate: Mapping[Key, float],
    *,
    higher_is_better: bool,
    kind: Literal["seed", "fold"],
    test_train_ratio: float | None = None,
    alpha: float = ALPHA,
) -> Comparison:
    """Compare two arms by the method that their design asks for, never by what the scores show.

    ======================================  ==========================
    folds, at least 2 in common             Nadeau-Bengio corrected t
    seeds, at least 2 in common             paired t on the common seeds
    seeds, none in common                   Welch t
    ======================================  ==========================

    Common seeds stay paired even if the arms do not correlate. Switching to Welch's t when the
    observed r <= 0 takes the narrower interval after seeing the data: it has at least as many
    degrees of freedom and no larger error. Simulated type I error of switching at n = 5 is .066
    instead of .05 for independent arms, .10 for a true correlation of -.5.

    Parameters
    ----------
    baseline, candidate : score by replicate key
        The key is what makes a pair (a seed, a fold). Give one score per fold: average the seeds
        of a fold first.
    higher_is_better : direction of the metric
    kind : what a replicate is
    test_train_ratio : n_test / n_train of a fold; for folds only
    alpha : of the gates that are to decide; smaller where a claim is one of several

    Raises
    ------
    TooFewReplicates
        An arm with fewer than two scores, folds or seeds with a single one in common.
    UsageError
        A score that is not finite; a ratio missing for folds, or given for seeds.

    >>> c = compare({0: 0.903, 1: 0.901, 2: 0.91}, {0: 0.912, 1: 0.905, 2: 0.918},
    ...             higher_is_better=True, kind="seed")
    >>> c.method, c.n_pairs, round(c.difference, 4), [round(x, 4) for x in c.interval]
    ('paired t', 3, 0.007, [0.0004, 0.0136])
    """
    _refuse_non_finite(baseline, "baseline")
    _refuse_non_finite(candidate, "candidate")
    common = [key for key in baseline if key in candidate]
    _refuse_too_few(len(baseline), len(candidate), len(common), kind)
    _check_ratio(kind, test_train_ratio)
    b, c = _analysed_scores(baseline, candidate, common)
    sign = 1.0 if higher_is_better else -1.0
    if not common:
        analysis = _analyse_unpaired(sign * b, sign * c)
    elif test_train_ratio is None:
        analysis = _analyse_seeds(sign * b, sign * c)
    else:
        analysis = _analyse_folds(sign * b, sign * c, test_train_ratio)
    scores_vary = not (is_constant(b) and is_constant(c))
    return Comparison(
        method=analysis.method,
        notes=_notes(analysis, kind=kind, n_common=len(common), scores_vary=scores_vary),
        kind=kind,
        n_baseline=len(baseline),
        n_candidate=len(candidate),
        n_pairs=len(common),
        missing_in_baseline=tuple(key for key in candidate if key not in baseline),
        missing_in_candidate=tuple(key for key in baseline if key not in candidate),
        baseline_mean=float(b.mean()),
        candidate_mean=float(c.mean()),
        estimate=analysis.estimate,
        p_exact=analysis.p_exact,
        probability_better=analysis.probability_better,
        correlation=analysis.correlation,
        sd=analysis.sd,
        scores_vary=scores_vary,
        alpha=alpha,
    )


def _analysed_scores(
    baseline: Mapping[Key, float], candidate: Mapping[Key, float], common: list[Key]
) -> tuple[FloatArray, FloatArray]:
    """Both arms as arrays: row i is pair i if there are common replicates.

    Sorted by score, so that the order in which a store lists runs cannot move the last digit.
    """
    if not common:
        return np.sort(list(baseline.values())), np.sort(list(candidate.values()))
    pairs = np.array(sorted((baseline[key], candidate[key]) for key in common), dtype=np.float64)
    return pairs[:, 0], pairs[:, 1]


def _analyse_seeds(b: FloatArray, c: FloatArray) -> _Analysis:
    d = paired_differences(b, c)
    return _Analysis(
        method="paired t",
        estimate=paired_t(d),
        p_exact=sign_flip_p(d),
        probability_better=probability_better(d),
        correlation=correlation(b, c),
        sd=math.sqrt(variance(d)),
    )


def _analyse_folds(b: FloatArray, c: FloatArray, test_train_ratio: float) -> _Analysis:
    d = paired_differences(b, c)
    share = probability_better(d).share
    return _Analysis(
        method="Nadeau-Bengio corrected t",
        estimate=corrected_t(d, test_train_ratio=test_train_ratio),
        # Sign flips and Clopper-Pearson take differences as independent; folds are not.
        p_exact=None,
        probability_better=ProbabilityBetter(share, interval=None),
        correlation=correlation(b, c),
        sd=math.sqrt(variance(d)),
    )


def _analyse_unpaired(b: FloatArray, c: FloatArray) -> _Analysis:
    return _Analysis(
        method="Welch t",
        estimate=welch_t(b, c),
        p_exact=permutation_p(b, c),
        probability_better=probability_better_unpaired(b, c),
        correlation=None,
        sd=math.sqrt((variance(b) + variance(c)) / 2),
    )


def paired_differences(b: FloatArray, c: FloatArray) -> FloatArray:
    """Candidate minus baseline; 0 where they differ by rounding only."""
    return np.where(np.isclose(c, b, rtol=_ROUNDING_RTOL, atol=0), 0.0, c - b)


_WHY: dict[Method, str] = {
    "paired t": "paired t on the seeds that both arms have: chosen by design, not by the scores",
    "Welch t": "Welch t: no seed is common to both arms, so no difference between seeds cancels",
    "Nadeau-Bengio corrected t": "Nadeau-Bengio corrected t: folds share training rows, "
    "so they are not independent",
}


def _notes(
    analysis: _Analysis, *, kind: ReplicateKind, n_common: int, scores_vary: bool
) -> tuple[str, ...]:
    """Why this method, and what weakens it."""
    notes = [_WHY[analysis.method]]
    if kind == "seed" and 0 < n_common < FEW_PAIRS:
        notes.append(
            f"{n_common} pairs show no shape: the interval holds if their differences are normal; "
            f"without that, no p of theirs is below {2 ** (1 - n_common):g}"
        )
    r = analysis.correlation
    if r is not None and r <= 0:
        notes.append(
            f"the arms do not correlate over {kind}s (r = {r:.2f}): pairing gained nothing; "
            f"still paired, because unpairing after seeing the scores narrows the interval"
        )
    if kind == "seed" and not scores_vary:
        notes.append(
            "the seed changes no score of either arm: these runs are one run repeated; "
            "replicate over folds instead"
        )
    elif not analysis.estimate.has_spread:
        notes.append("all differences are equal: intervals without width are no evidence of a gain")
    return tuple(notes)


def _refuse_non_finite(arm: Mapping[Key, float], name: str) -> None:
    for key, score in arm.items():
        if not math.isfinite(score):
            raise UsageError(
                f"{name} scored {score} on replicate {key!r}; a mean needs finite scores. "
                f"Repeat that run, or report it as failed."
            )


def _refuse_too_few(n_baseline: int, n_candidate: int, n_common: int, kind: ReplicateKind) -> None:
    independent = kind == "seed" and n_common == 0 and min(n_baseline, n_candidate) >= 2
    if n_common >= 2 or independent:
        return
    raise TooFewReplicates(
        f"common {kind}s: {n_common}, of {n_baseline} in baseline and {n_candidate} in candidate; "
        f"measuring noise takes at least 2. Run both arms on the same {kind}s."
    )


def _check_ratio(kind: ReplicateKind, test_train_ratio: float | None) -> None:
    if kind == "fold" and test_train_ratio is None:
        raise UsageError(
            "folds share training rows, and the correction needs to know how many. "
            "Pass test_train_ratio = n_test / n_train, such as 0.25 for 5 folds."
        )
    if kind == "seed" and test_train_ratio is not None:
        raise UsageError(
            f"test_train_ratio={test_train_ratio} is for folds, but the replicates are seeds. "
            f"Pass kind='fold', or no ratio."
        )
