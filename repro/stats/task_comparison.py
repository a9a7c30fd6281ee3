"""What do scores on several tasks say about the difference of two arms?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from repro.errors import TooFewReplicates
from repro.stats.comparison import ALPHA, Comparison, Method, paired_differences
from repro.stats.datasets import signed_rank
from repro.stats.estimate import Interval, Uncertain, require_level
from repro.stats.probability import ProbabilityBetter, probability_better
from repro.stats.sample import EQUAL_RTOL, FloatArray, is_constant, variance
from repro.stats.tasks import iqm, iqm_difference, probability_of_improvement

ScoresOfTasks = Mapping[str, Sequence[float]]

MIN_RUNS = MIN_TASKS = 5  # for the interquartile mean
MIN_DATASETS = 6  # for ranks: no five signs have p < .05


@dataclass(frozen=True)
class SignedRankEstimate:
    """Median gain over tasks, and how far the signed ranks let it be from the truth.

    The estimate is the median of the Walsh averages, (d_i + d_j) / 2 for i <= j. An interval holds
    every gain that the signed-rank test does not reject, ties and zeros counted as there, so that
    it leaves out 0 only where the printed p does. Few tasks reach no high confidence: the interval
    is then without end.

    Source
    ------
    Hodges and Lehmann 1963; Hollander and Wolfe 1999, section 3.4.

    >>> found = SignedRankEstimate((0.01, 0.02, 0.03, 0.04, 0.05, 0.06))
    >>> found.mean, found.interval(0.95)
    (0.035, Interval(low=0.01, high=0.06))
    """

    differences: tuple[float, ...]

    @property
    def n(self) -> int:
        """Tasks."""
        return len(self.differences)

    @property
    def mean(self) -> float:
        """Hodges-Lehmann estimate of the gain on a task."""
        return float(np.median(self._walsh))

    @property
    def has_spread(self) -> bool:
        """Whether the tasks differ in their gain."""
        return not is_constant(np.array(self.differences))

    @property
    def p_value(self) -> float | None:
        """Two-sided p of "no difference" by the signed-rank test."""
        return signed_rank(self.differences).p_value

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval of the gain on a task."""
        low, high = self._bounds((1 - require_level(confidence)) / 2)
        return Interval(low, high)

    def lower_bound(self, confidence: float = 0.95) -> float:
        """One-sided: the gain is above this with this confidence."""
        return self._bounds(1 - require_level(confidence))[0]

    @property
    def _walsh(self) -> FloatArray:
        d = np.array(self.differences)
        rows, columns = np.triu_indices(d.size)
        walsh = np.sort((d[rows] + d[columns]) / 2)
        return np.where(np.abs(walsh) <= EQUAL_RTOL * np.abs(d).max(), 0.0, walsh)

    def _bounds(self, tail: float) -> tuple[float, float]:
        """The outermost gains that a one-sided test at `tail` does not reject."""
        walsh = np.unique(self._walsh)
        low = self._first_kept(walsh, tail)
        high = self._first_kept(walsh[::-1], tail)
        return (-np.inf if low is None else low), (np.inf if high is None else high)

    def _first_kept(self, walsh: FloatArray, tail: float) -> float | None:
        """From outside: the bound of the first stretch or point whose two-sided p is above alpha.

        Between two averages the ranks do not change; None if what lies beyond all is kept.
        """
        span = float(np.ptp(walsh)) or 1.0
        beyond = walsh[0] - span if walsh[0] <= walsh[-1] else walsh[0] + span
        before = beyond
        for at in walsh:
            if self._is_kept((before + at) / 2, tail):
                return None if before == beyond else float(before)
            if self._is_kept(at, tail):
                return float(at)
            before = at
        return float(walsh[-1])

    def _is_kept(self, gain: float, tail: float) -> bool:
        shifted = np.array(self.differences) - gain
        return signed_rank(shifted).p_value > 2 * tail * (1 + EQUAL_RTOL)


@dataclass(frozen=True)
class IqmEstimate:
    """Difference of interquartile means over all runs of all tasks, with its bootstrap interval."""

    baseline: ScoresOfTasks
    candidate: ScoresOfTasks

    @property
    def n(self) -> int:
        """Scores of both arms."""
        return sum(len(runs) for arm in (self.baseline, self.candidate) for runs in arm.values())

    @property
    def mean(self) -> float:
        """The difference."""
        at_baseline, at_candidate = (
            float(iqm(np.array(list(arm.values())))) for arm in (self.baseline, self.candidate)
        )
        return at_candidate - at_baseline

    @property
    def has_spread(self) -> bool:
        """Whether some task has runs that differ."""
        low, high = self.interval()
        return high > low

    @property
    def p_value(self) -> float | None:
        """The bootstrap gives none."""
        return None

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval, stratified by task."""
        return iqm_difference(self.baseline, self.candidate, confidence=confidence).interval

    def lower_bound(self, confidence: float = 0.95) -> float:
        """One-sided: the difference is above this with this confidence."""
        return self.interval(2 * confidence - 1).low


def compare_tasks(
    baseline: ScoresOfTasks,
    candidate: ScoresOfTasks,
    *,
    higher_is_better: bool,
    alpha: float = ALPHA,
) -> Comparison:
    """Compare two arms over the tasks that both have, by the method that their design asks for.

    ============================================  ==================================================
    at least 5 tasks with at least 5 runs each    interquartile mean, bootstrap stratified by task
    at least 6 tasks                              signed ranks of the tasks' mean differences
    ============================================  ==================================================

    Parameters
    ----------
    baseline, candidate : scores of a task's runs, by task

    Raises
    ------
    TooFewReplicates
        Fewer tasks in common.
    """
    tasks = [task for task in baseline if task in candidate]
    sign = 1.0 if higher_is_better else -1.0
    b, c = (
        {task: [sign * score for score in arm[task]] for task in tasks}
        for arm in (baseline, candidate)
    )
    d = paired_differences(
        np.array([np.mean(b[task]) for task in tasks]),
        np.array([np.mean(c[task]) for task in tasks]),
    )
    estimate, better, method = _analysis(b, c, tuple(map(float, d)))
    return Comparison(
        method=method,
        notes=(_WHY[method], *_at_odds(tuple(map(float, d)))),
        kind="task",
        n_baseline=len(baseline),
        n_candidate=len(candidate),
        n_pairs=len(tasks),
        missing_in_baseline=tuple(task for task in candidate if task not in baseline),
        missing_in_candidate=tuple(task for task in baseline if task not in candidate),
        baseline_mean=float(np.mean([np.mean(baseline[task]) for task in tasks])),
        candidate_mean=float(np.mean([np.mean(candidate[task]) for task in tasks])),
        estimate=estimate,
        p_exact=None,
        probability_better=better,
        correlation=None,
        sd=float(np.sqrt(variance(d))),
        scores_vary=True,
        alpha=alpha,
    )


_WHY: Mapping[Method, str] = {
    "interquartile mean": "interquartile means over all runs, resampled within each task",
    "signed ranks": "signed ranks of the mean differences: one number a task",
}


def _at_odds(gains: Sequence[float]) -> Iterator[str]:
    """Said where the mean over tasks and most of the tasks point to different sides."""
    mean = fmean(gains)
    against = sum(gain * mean < 0 for gain in gains)
    if 2 * against > len(gains):
        words = ("gains", "loses") if mean > 0 else ("loses", "gains")
        yield (
            f"on average the candidate {words[0]}, but in {against} of {len(gains)} tasks "
            f"it {words[1]}: a few tasks make the mean"
        )


def _analysis(
    b: ScoresOfTasks, c: ScoresOfTasks, d: tuple[float, ...]
) -> tuple[Uncertain, ProbabilityBetter, Method]:
    n_runs = [{len(runs) for runs in arm.values()} for arm in (b, c)]
    is_table = all(len(sizes) == 1 and min(sizes) >= MIN_RUNS for sizes in n_runs)
    if is_table and len(d) >= MIN_TASKS:
        share = probability_of_improvement(b, c)
        return IqmEstimate(b, c), ProbabilityBetter(share, interval=None), "interquartile mean"
    if len(d) < MIN_DATASETS:
        raise TooFewReplicates(
            f"tasks that both arms have: {len(d)}; it takes {MIN_DATASETS}, "
            f"or {MIN_TASKS} with {MIN_RUNS} runs of each. Run both arms on more tasks."
        )
    return SignedRankEstimate(d), probability_better(d), "signed ranks"
