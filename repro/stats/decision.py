"""Which verdict word does a comparison earn, given what was claimed beforehand?"""

import math
from collections.abc import Collection
from typing import Literal

from repro.errors import UsageError
from repro.stats.comparison import Comparison
from repro.stats.estimate import Interval
from repro.stats.sample import EQUAL_RTOL

Goal = Literal["improve", "no-regression", "equivalent"]
StatisticalVerdict = Literal["BETTER", "WORSE", "NO_REGRESSION", "EQUIVALENT", "INCONCLUSIVE"]
GuardOutcome = Literal["safe", "worse", "unclear"]


def decide(
    goal: Goal,
    comparison: Comparison,
    *,
    margin: float | None = None,
    min_replicates: int = 5,
    guards: Collection[GuardOutcome] = (),
) -> StatisticalVerdict:
    """The verdict of an admissible claim; d is candidate minus baseline, more is better.

    With alpha .05; a comparison with a smaller alpha has wider intervals.

    ==============  ===============  ====================================================
    goal            verdict          when
    ==============  ===============  ====================================================
    any             WORSE            a guard is worse
    any             INCONCLUSIVE     fewer than `min_replicates`
    any             INCONCLUSIVE     all differences are equal, and not 0: no noise was measured
    improve         INCONCLUSIVE     all differences are 0
    improve         BETTER, WORSE    the 95 % interval lies above, below 0
    no-regression   NO_REGRESSION    the one-sided 95 % lower bound is above -margin
    no-regression   WORSE            the 95 % interval lies below -margin
    equivalent      EQUIVALENT       the 90 % interval lies within -+margin (TOST)
    equivalent      BETTER, WORSE    the 95 % interval lies above +margin, below -margin
    any             INCONCLUSIVE     otherwise; or a guard is unclear and d is not WORSE
    ==============  ===============  ====================================================

    All guards must be safe at once, so their number needs no correction (intersection-union). A
    loss of any is a loss, though: k guards at exactly their margin are called WORSE in up to
    k * 2.5 %.

    Parameters
    ----------
    margin : score units, 0 or more
        Largest loss (equivalent: change) that does not matter, declared beforehand. Not read for
        `improve`, required for the other goals.
    min_replicates : pairs; for unpaired arms, runs of the smaller one

    Raises
    ------
    UsageError
        No margin for a goal that needs one, or one that is negative or not finite.

    >>> from repro.stats.comparison import compare
    >>> c = compare({0: 0.903, 1: 0.901, 2: 0.91}, {0: 0.912, 1: 0.905, 2: 0.918},
    ...             higher_is_better=True, kind="seed")
    >>> decide("improve", c), decide("improve", c, min_replicates=3)
    ('INCONCLUSIVE', 'BETTER')
    """
    limit = 0.0 if goal == "improve" else _require_margin(goal, margin)
    if "worse" in guards:
        return "WORSE"
    if comparison.n_replicates < min_replicates:
        return "INCONCLUSIVE"
    verdict = _verdict(goal, comparison, limit)
    return "INCONCLUSIVE" if "unclear" in guards and verdict != "WORSE" else verdict


def guard_outcome(
    comparison: Comparison, margin: float, *, min_replicates: int = 5
) -> GuardOutcome:
    """Whether a guard metric is shown not to lose more than its margin, shown to, or neither.

    safe: the one-sided lower bound (95 % at alpha .05) is above -margin. worse: the two-sided
    interval lies below -margin. Fewer than `min_replicates` show neither.
    """
    verdict = decide("no-regression", comparison, margin=margin, min_replicates=min_replicates)
    if verdict == "NO_REGRESSION":
        return "safe"
    return "worse" if verdict == "WORSE" else "unclear"


def _verdict(goal: Goal, comparison: Comparison, limit: float) -> StatisticalVerdict:
    """By the intervals alone; `limit` is the margin, or 0 where the goal has none."""
    if comparison.is_without_noise:
        return "INCONCLUSIVE"
    low, high = comparison.interval
    if goal == "no-regression" and _is_above(comparison.lower_bound, -limit):
        return "NO_REGRESSION"
    if goal == "equivalent" and _lies_within(comparison.inner_interval, limit):
        return "EQUIVALENT"
    if _is_above(low, limit):  # not for no-regression: its bound is no lower, and was not above
        return "BETTER"
    return "WORSE" if _is_above(-limit, high) else "INCONCLUSIVE"


def _is_above(value: float, limit: float) -> bool:
    """Whether it is larger by more than rounding."""
    return value > limit and not math.isclose(value, limit, rel_tol=EQUAL_RTOL)


def _lies_within(interval: Interval, margin: float) -> bool:
    return _is_above(interval.low, -margin) and _is_above(margin, interval.high)


def _require_margin(goal: Goal, margin: float | None) -> float:
    if margin is None or not 0 <= margin < math.inf:
        raise UsageError(
            f"goal '{goal}' needs a margin of 0 or more, in score units, not {margin}. "
            f"Declare the largest loss that does not matter."
        )
    return margin
