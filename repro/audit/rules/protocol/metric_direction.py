"""The claim says that higher is better, the metric was scored as lower is better, or the reverse.

Why: with the wrong sign a regression passes as progress.

Fix: correct `direction` in the claim, or `greater_is_better` where the metric is scored.

Wrong when: never: one of the two is wrong.

Source: scikit-learn scorers negate losses for the same reason.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.scores import EXAMPLE, Scores


@rule("PRT004", Severity.ERROR)
def check(claim: Claim, scores: Scores) -> Iterator[Violation]:
    """Every recorded direction is the declared one."""
    declared = {claim.metric: claim.direction}
    declared.update({guard.metric: guard.direction for guard in claim.guards})
    for metric, direction in declared.items():
        score = scores.score(metric)
        recorded = score.greater_is_better if score else None
        if recorded is not None and recorded != (direction == "higher"):
            yield Violation(
                message=f"the claim says that {direction} {metric} is better, the score does not",
                fix="correct direction in the claim, or greater_is_better in run.score",
                points=(f"scores.{metric}.greater_is_better",),
            )


BAD = {"claim": CLAIM.model_copy(update={"direction": "lower"}), "scores": EXAMPLE}
GOOD = {"claim": CLAIM, "scores": EXAMPLE}
