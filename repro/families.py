"""Claims that are corrected together, so that 5 % is the risk of one false one among them."""

from repro.audit.judgement import Judgement
from repro.claims import Claim, Policy
from repro.history import History
from repro.judge import judge
from repro.stats.equivalence import non_inferiority_p, superiority_p, tost_p
from repro.stats.estimate import Estimate
from repro.stats.multiplicity import holm_levels


def judge_with_family(claim: Claim, history: History, policy: Policy) -> Judgement:
    """The verdict on a claim, at the level that Holm's correction leaves to it in its family."""
    alone = judge(claim, history, policy)
    others = [
        other
        for other in policy.claims
        if claim.family is not None and other.family == claim.family and other.name != claim.name
    ]
    if not others or alone.comparison is None:
        return alone
    together = [alone, *(judge(other, history, policy) for other in others)]
    alphas = [one.comparison.alpha for one in together if one.comparison is not None]
    level, *_ = holm_levels([gate_p(one) for one in together], min(alphas))
    return judge(claim, history, policy, alpha=level)


def gate_p(judgement: Judgement) -> float:
    """Smallest alpha at which the goal of a claim would be met; 1 where numbers may not speak."""
    claim, comparison = judgement.claim, judgement.comparison
    if comparison is None or comparison.n_replicates < claim.replicates:
        return 1.0
    if not isinstance(comparison.estimate, Estimate):
        return 1.0  # over tasks: the first to give way in Holm's order
    if claim.margin is None:
        return superiority_p(comparison.estimate)
    gate = non_inferiority_p if claim.goal == "no-regression" else tost_p
    return gate(comparison.estimate, claim.margin)
