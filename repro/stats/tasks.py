"""Is the candidate better over several tasks, with a few runs of each?"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from repro.errors import TooFewReplicates, UsageError
from repro.stats.estimate import Interval, require_level
from repro.stats.sample import FloatArray, as_sample

ScoresByTask = Mapping[str, ArrayLike]
Statistic = Callable[[FloatArray], FloatArray]

_MIN_TASKS = 5
_MIN_RUNS = 5
_BLOCK = 2**20  # scores resampled at once: 8 MiB a copy


@dataclass(frozen=True)
class IqmDifference:
    """Candidate minus baseline, each the interquartile mean over all runs of all tasks.

    Attributes
    ----------
    baseline, candidate, difference : normalised score units
    interval : of the difference
    n_tasks : tasks that both arms ran
    n_runs : runs of a task, in the arm that has fewer
    """

    baseline: float
    candidate: float
    difference: float
    interval: Interval
    n_tasks: int
    n_runs: int


def iqm(scores: FloatArray) -> FloatArray:
    """Interquartile mean over tasks and runs together, the last two axes.

    Mean of what is left when floor(N / 4) of the N = n_tasks * n_runs scores are cut off at each
    end: neither one task nor one lucky run moves it far.

    Parameters
    ----------
    scores : shape (..., n_tasks, n_runs), on one scale for all tasks

    Source
    ------
    Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice.

    >>> float(iqm(np.array([[0.0, 1.0], [2.0, 90.0]])))
    1.5
    """
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    n_cut = flat.shape[-1] // 4
    kept: FloatArray = flat[..., n_cut : flat.shape[-1] - n_cut]
    return np.asarray(kept.mean(axis=-1))


def iqm_difference(
    baseline: ScoresByTask,
    candidate: ScoresByTask,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> IqmDifference:
    """Difference of interquartile means, with a bootstrap interval stratified by task.

    Runs of either arm are drawn anew within each task; the task alone pairs the arms. The interval
    reaches between the quantiles a and 1 - a of the resampled differences, where
    a = Phi(-sqrt(n / (n - 1)) * t), t the Student quantile of 1/2 + confidence/2 with
    n_tasks * (n_b + n_c - 2) degrees of freedom: the expanded percentile interval. The plain one
    takes the spread of n runs as if it were divided by n - 1, and misses the truth in .09 of
    claims on 5 tasks with 5 runs instead of .05.

    Parameters
    ----------
    baseline, candidate : scores of a task's runs, by task
        On one scale for all tasks, more is better; as many runs of every task of an arm.

    Raises
    ------
    TooFewReplicates
        Fewer than 5 tasks, or fewer than 5 runs of a task.
    UsageError
        Different tasks; a task with more runs than another; a score that is not finite.

    Source
    ------
    Agarwal et al. 2021 (statistic, strata); Hesterberg 2015, The American Statistician 69:371-386,
    section 4.3 (expansion).

    >>> tasks = {f"t{i}": np.arange(5) / 10 + i for i in range(5)}
    >>> better = {task: runs + 0.5 for task, runs in tasks.items()}
    >>> found = iqm_difference(tasks, better)
    >>> round(found.difference, 3), found.interval.low > 0
    (0.5, True)
    """
    b, c = _table(baseline, "baseline"), _table(candidate, "candidate", like=tuple(baseline))
    _refuse_few(b, "baseline")
    _refuse_few(c, "candidate")
    rng = np.random.default_rng(seed)
    drawn = _resample(c, iqm, n_resamples, rng) - _resample(b, iqm, n_resamples, rng)
    tail = _expanded_tail(b.shape[0], b.shape[1], c.shape[1], confidence)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    at_baseline, at_candidate = float(iqm(b)), float(iqm(c))
    return IqmDifference(
        at_baseline,
        at_candidate,
        at_candidate - at_baseline,
        Interval(float(low), float(high)),
        n_tasks=b.shape[0],
        n_runs=min(b.shape[1], c.shape[1]),
    )


def stratified_bootstrap(
    scores_by_task: ScoresByTask,
    statistic: Statistic,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> FloatArray:
    """The statistic of `n_resamples` tables whose runs were drawn with replacement within tasks.

    Draws come from a generator of its own, in blocks of about a million scores.

    Parameters
    ----------
    scores_by_task : scores of a task's runs, by task
        At least 5 tasks with at least 5 runs each, and as many runs of every task.
    statistic : shape (n, n_tasks, n_runs) to shape (n,)

    Raises
    ------
    TooFewReplicates, UsageError
        As `iqm_difference`.

    >>> stratified_bootstrap({f"t{i}": [i] * 5 for i in range(5)}, iqm, n_resamples=3)
    array([2., 2., 2.])
    """
    table = _table(scores_by_task, "scores")
    _refuse_few(table, "scores")
    return _resample(table, statistic, n_resamples, np.random.default_rng(seed))


def probability_of_improvement(baseline: ScoresByTask, candidate: ScoresByTask) -> float:
    """P(a run of the candidate beats a run of the baseline), averaged over tasks; a tie is half.

    Mean over tasks of Mann-Whitney's U / (n_b * n_c).

    Source
    ------
    Agarwal et al. 2021.

    >>> probability_of_improvement({"a": [1.0, 2.0], "b": [0.0]}, {"a": [2.0, 2.0], "b": [1.0]})
    0.875
    """
    _refuse_no_tasks(baseline)
    _refuse_other_tasks(tuple(baseline), tuple(candidate))
    return float(np.mean([_share_won(baseline[task], candidate[task], task) for task in baseline]))


def performance_profile(scores_by_task: ScoresByTask, thresholds: ArrayLike) -> FloatArray:
    """Share of runs that score above each threshold, averaged over tasks; shape (n_thresholds,).

    Source
    ------
    Agarwal et al. 2021, after Dolan and Moré 2002.

    >>> performance_profile({"a": [0.2, 0.6], "b": [0.7, 0.9]}, [0.0, 0.5, 0.8])
    array([1.  , 0.75, 0.25])
    """
    levels = as_sample(thresholds, "thresholds", at_least=1)
    _refuse_no_tasks(scores_by_task)
    shares = [
        np.mean(as_sample(runs, f"scores of task '{task}'", at_least=1)[:, None] > levels, axis=0)
        for task, runs in scores_by_task.items()
    ]
    return np.asarray(np.mean(shares, axis=0))


def _resample(
    table: FloatArray, statistic: Statistic, n_resamples: int, rng: np.random.Generator
) -> FloatArray:
    n_tasks, n_runs = table.shape
    if n_resamples < 1:
        raise UsageError(f"n_resamples must be 1 or more, such as 2000, not {n_resamples}.")
    block = max(1, _BLOCK // table.size)
    parts = []
    for done in range(0, n_resamples, block):
        shape = (min(block, n_resamples - done), n_tasks, n_runs)
        runs = rng.integers(n_runs, size=shape)
        parts.append(statistic(np.take_along_axis(table[np.newaxis], runs, axis=2)))
    return np.concatenate(parts)


def _expanded_tail(n_tasks: int, n_b: int, n_c: int, confidence: float) -> float:
    from scipy import special

    t = special.stdtrit(n_tasks * (n_b + n_c - 2), (1 + require_level(confidence)) / 2)
    fewest = min(n_b, n_c)
    return float(special.ndtr(-math.sqrt(fewest / (fewest - 1)) * t))


def _share_won(baseline: ArrayLike, candidate: ArrayLike, task: str) -> float:
    b = as_sample(baseline, f"baseline scores of task '{task}'", at_least=1)
    c = as_sample(candidate, f"candidate scores of task '{task}'", at_least=1)
    return float(np.mean((np.sign(c[:, None] - b[None, :]) + 1) / 2))


def _table(scores: ScoresByTask, arm: str, *, like: tuple[str, ...] | None = None) -> FloatArray:
    """Shape (n_tasks, n_runs), tasks in the order of `like`.

    With more runs of one task than of another, the pooled mean would lean towards that task, and
    two arms with other counts would differ without any difference.
    """
    _refuse_no_tasks(scores)
    tasks = tuple(scores) if like is None else like
    _refuse_other_tasks(tasks, tuple(scores))
    rows = [as_sample(scores[task], f"{arm} of task '{task}'", at_least=1) for task in tasks]
    counts = {task: row.size for task, row in zip(tasks, rows, strict=True)}
    if len(set(counts.values())) > 1:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        raise UsageError(
            f"{arm} has {counts[most]} runs of task '{most}' but {counts[least]} of '{least}', "
            f"so the pooled mean would lean towards '{most}'. Run every task equally often."
        )
    return np.array(rows).reshape(len(tasks), -1)


def _refuse_no_tasks(scores: ScoresByTask) -> None:
    if not scores:
        raise TooFewReplicates("no task was given; a mean over tasks needs at least 1.")


def _refuse_other_tasks(baseline: tuple[str, ...], candidate: tuple[str, ...]) -> None:
    odd = sorted(set(baseline) ^ set(candidate))
    if odd:
        raise UsageError(
            f"only one arm ran: {', '.join(odd)}. Run both arms on the same tasks, or leave these "
            f"out of both."
        )


def _refuse_few(table: FloatArray, arm: str) -> None:
    n_tasks, n_runs = table.shape
    if n_tasks < _MIN_TASKS or n_runs < _MIN_RUNS:
        raise TooFewReplicates(
            f"{arm}: {n_tasks} tasks with {n_runs} runs each; a bootstrap over tasks needs at "
            f"least {_MIN_TASKS} with {_MIN_RUNS}. Run more, or judge each task by itself."
        )
