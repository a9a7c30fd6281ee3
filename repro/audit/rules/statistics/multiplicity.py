"""Several claims are made against one baseline, and none is corrected for the others.

Why: of twenty comparisons without any effect one is significant; the best of several candidates is
better by luck alone.

Fix: give them one `family`: Holm's correction then holds for all of them together.

Wrong when: the claims are about unrelated questions that nobody chooses among. Guards need no
correction: all of them must hold. Candidates that were tried without a claim are not counted here
(tuning-budget and test-reuse do), nor are metrics, data sets, and goals other than improve.

Source: Holm 1979; Dror et al. 2017 on replicability over many comparisons.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import EXAMPLE_POLICY, Claim, Policy


@rule("STA006", Severity.WARNING, preview=True)
def check(claim: Claim, policy: Policy) -> Iterator[Violation]:
    """Claims against one baseline share a family."""
    others = [
        other.name
        for other in policy.claims
        if other.name != claim.name
        and other.baseline == claim.baseline
        and other.goal == claim.goal == "improve"
        and (claim.family is None or other.family != claim.family)
    ]
    if others:
        yield Violation(
            message=f"{len(others) + 1} claims are made against this baseline, uncorrected: "
            f"{', '.join((claim.name, *others))}",
            fix='family = "..." in all of them',
            points=(),
        )


_OTHER = CLAIM.model_copy(update={"name": "another", "candidate": "tags.arm = 'rmsprop'"})
BAD = {
    "claim": CLAIM,
    "policy": EXAMPLE_POLICY.model_copy(update={"claims": (CLAIM, _OTHER)}),
}
GOOD = {"claim": CLAIM, "policy": EXAMPLE_POLICY.model_copy(update={"claims": (CLAIM,)})}
