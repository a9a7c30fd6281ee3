"""The statistics of an admissible claim, as sentences."""

from collections.abc import Iterator

from rich.text import Text

from repro.audit.case import GuardResult
from repro.audit.judgement import Judgement
from repro.audit.verdict import Verdict
from repro.claims import Claim, Goal
from repro.errors import UsageError
from repro.report.shown import columns
from repro.stats.bayesian import posterior_of
from repro.stats.comparison import ALPHA, Comparison
from repro.stats.estimate import Estimate
from repro.stats.power import seeds_needed_equivalence, seeds_needed_non_inferiority

SILENCE = {
    Verdict.INVALID: "No statistics: the comparison is not valid.",
    Verdict.UNPROVEN: "No statistics: what is unknown may make the comparison invalid.",
}
GUARD_STYLES = {"safe": "green", "worse": "bold red", "unclear": "bold yellow"}


def number_lines(judgement: Judgement) -> Iterator[Text]:
    """What was measured, by which method, and what it holds for; or why nothing is said."""
    comparison = judgement.comparison
    if comparison is None:
        yield Text(f"  {SILENCE.get(judgement.verdict, 'No statistics: too few replicates.')}")
        return
    for sentence in _sentences(judgement, comparison):
        yield Text(f"  {sentence}")
    yield from columns([_guard_row(result) for result in judgement.guards])


def _sentences(judgement: Judgement, comparison: Comparison) -> Iterator[str]:
    yield _difference(judgement.claim.metric, comparison)
    yield from _margin(judgement, comparison)
    yield _test(comparison, with_p=judgement.claim.goal == "improve")
    if comparison.alpha < ALPHA:
        yield f"decided at a level of {comparison.alpha:.3g}{_shared_by(judgement.claim)}"
    yield from _posterior(judgement.claim.rope, comparison)
    yield from comparison.notes
    if judgement.verdict is Verdict.INCONCLUSIVE:
        yield from _needed(judgement.claim, comparison)
    yield comparison.scope


def _shared_by(claim: Claim) -> str:
    """What the 5 % are divided among."""
    looks = [f"the looks at {', '.join(map(str, claim.looks))} replicates"] if claim.looks else []
    family = [f"the claims of the family {claim.family!r}"] if claim.family else []
    shared = " and ".join(looks + family)
    return f": {shared} share the {_percent(ALPHA)}" if shared else ""


def _difference(metric: str, comparison: Comparison) -> str:
    low, high = comparison.interval
    gain = comparison.difference
    word = "loses" if gain < 0 else "gains"
    if comparison.kind == "task":
        level = _percent(1 - comparison.alpha)
        return (
            f"{metric}: over the tasks it {word} {_number(abs(gain))} "
            f"({level} interval of the gain {_number(low)} to {_number(high)})"
        )
    return (
        f"{metric}: baseline {_number(comparison.baseline_mean)}, candidate "
        f"{_number(comparison.candidate_mean)}; it {word} {_number(abs(gain))} "
        f"({_percent(1 - comparison.alpha)} interval of the gain {_number(low)} to {_number(high)})"
    )


def _margin(judgement: Judgement, comparison: Comparison) -> Iterator[str]:
    """The bound that decides the goals with a margin."""
    margin = judgement.claim.margin
    if judgement.claim.goal == "no-regression":
        bound = _number(comparison.lower_bound)
        level = _percent(1 - comparison.alpha)
        yield f"one-sided {level} bound: the gain is above {bound}; the margin is -{margin}"
    if judgement.claim.goal == "equivalent":
        low, high = comparison.inner_interval
        level, bounds = _percent(1 - 2 * comparison.alpha), f"{_number(low)} to {_number(high)}"
        yield f"{level} interval {bounds}; the margin is {margin} either way"


def _test(comparison: Comparison, *, with_p: bool) -> str:
    """Method, size, how often the candidate wins, and p of no difference if that is the claim."""
    n = comparison.n_pairs
    size = f"{n} tasks" if comparison.kind == "task" else f"{n} pairs of {comparison.kind}s"
    if not n:
        size = f"{comparison.n_baseline} and {comparison.n_candidate} unpaired runs"
    parts = [f"{comparison.method}, {size}"]
    if with_p and comparison.p_value is not None:
        parts.append(f"p = {comparison.p_value:.2g}")
    if with_p and comparison.p_exact is not None:
        parts.append(f"exact p = {comparison.p_exact:.2g}")
    better = comparison.probability_better
    interval = better.interval
    bounds = f" ({interval.low:.2f} to {interval.high:.2f})" if interval else ""
    parts.append(f"P(candidate better) = {better.share:.2f}{bounds}")
    return ", ".join(parts)


def _posterior(rope: float | None, comparison: Comparison) -> Iterator[str]:
    """The same numbers, read the other way round: no second piece of evidence."""
    if rope is None or not isinstance(comparison.estimate, Estimate):
        return
    found = posterior_of(comparison.estimate, rope=rope)
    yield (
        f"posterior with a rope of {rope}: worse {found.left:.3f}, practically equal "
        f"{found.rope:.3f}, better {found.right:.3f}"
    )


def _needed(claim: Claim, comparison: Comparison) -> Iterator[str]:
    """How many seeds would show what is claimed; folds and tasks cannot be added."""
    if comparison.kind != "seed":
        return
    if claim.margin is not None:
        yield from _needed_for_margin(claim.goal, claim.margin, comparison)
        return
    if claim.min_effect is None:
        yield "declare min_effect in the claim, and this line says how many seeds would show it"
        return
    needed = comparison.replicates_needed(claim.min_effect)
    if needed is not None:
        yield f"{needed} seeds in each arm would show a gain of {claim.min_effect} in 4 of 5 cases"


def _needed_for_margin(goal: Goal, margin: float, comparison: Comparison) -> Iterator[str]:
    """Of pairs without a true difference."""
    if comparison.sd == 0 or not comparison.n_pairs:
        return
    of_goal = seeds_needed_non_inferiority if goal == "no-regression" else seeds_needed_equivalence
    try:
        needed = of_goal(margin, comparison.sd, confidence=1 - comparison.alpha)
    except UsageError:
        return
    yield f"{needed} pairs would show it in 4 of 5 cases, if there is no difference"


def _guard_row(result: GuardResult) -> list[str | Text]:
    state = Text(result.outcome, style=GUARD_STYLES[result.outcome])
    head: list[str | Text] = ["guard", result.guard.metric, state]
    if result.comparison is None:
        return [*head, "too few replicates"]
    bound = _number(result.comparison.lower_bound)
    return [*head, f"the gain is above {bound}; the margin is -{result.guard.margin}"]


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _number(value: float) -> str:
    return f"{value:.4g}"
