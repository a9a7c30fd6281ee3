"""Claims that are corrected together, so that 5 % is the risk of one false one among them."""

from collections.abc import Iterable, Iterator, Sequence

from repro.audit.judgement import Judgement
from repro.claims import Claim, Goal, Policy
from repro.errors import UsageError
from repro.history import History
from repro.judge import judge
from repro.stats.comparison import Comparison
from repro.stats.equivalence import non_inferiority_p, superiority_p, tost_p
from repro.stats.estimate import Estimate
from repro.stats.multiplicity import holm_levels


def judge_with_families(
    claims: Iterable[Claim], history: History, policy: Policy
) -> Iterator[Judgement | UsageError]:
    """The verdict on each claim, at the level that Holm's correction leaves to it in its family.

    All members of a family are judged, once each. A claim that cannot be judged, because it has no
    runs, say, is answered with its error.
    """
    known: dict[str, Judgement | UsageError] = {}

    def alone(claim: Claim) -> Judgement | UsageError:
        if claim.name not in known:
            try:
                known[claim.name] = judge(claim, history, policy)
            except UsageError as error:
                known[claim.name] = error
        return known[claim.name]

    for claim in claims:
        found = alone(claim)
        others = [alone(other) for other in _others(claim, policy)]
        if isinstance(found, UsageError) or found.comparison is None or not others:
            yield found
        else:
            level = holm_level(found, others)
            is_same = level == found.comparison.alpha
            yield found if is_same else judge(claim, history, policy, alpha=level)


def _others(claim: Claim, policy: Policy) -> list[Claim]:
    in_family = [other for other in policy.claims if other.family == claim.family]
    return [other for other in in_family if claim.family is not None and other.name != claim.name]


def holm_level(first: Judgement, others: Sequence[Judgement | UsageError]) -> float:
    """What Holm leaves to the first, of the smallest alpha that a member may spend at its look."""
    members = [first, *(other for other in others if isinstance(other, Judgement))]
    alphas = [one.comparison.alpha for one in members if one.comparison is not None]
    without_runs = [1.0] * (1 + len(others) - len(members))
    return holm_levels([*map(gate_p, members), *without_runs], min(alphas))[0]


def gate_p(judgement: Judgement) -> float:
    """Smallest alpha at which a claim would hold: its own gate and that of every guard.

    All of them have to open, so it is the largest of their p. 1 where numbers may not speak, and
    over tasks, whose method gives no such p: that claim is the first to give way.
    """
    claim, comparison = judgement.claim, judgement.comparison
    if comparison is None:
        return 1.0
    own = _p(claim.goal, comparison, claim.margin, claim.replicates)
    guards = (
        _p("no-regression", one.comparison, one.guard.margin, claim.replicates)
        if one.comparison
        else 1.0
        for one in judgement.guards
    )
    return max(own, *guards, 0.0)


def _p(goal: Goal, comparison: Comparison, margin: float | None, replicates: int) -> float:
    estimate = comparison.estimate
    is_few = comparison.n_replicates < replicates
    if is_few or not isinstance(estimate, Estimate) or comparison.is_without_noise:
        return 1.0
    if margin is None:
        return superiority_p(estimate)
    return (non_inferiority_p if goal == "no-regression" else tost_p)(estimate, margin)
