"""A metric is not a number: an error where it decides, a warning elsewhere.

Why: a mean over NaN or infinity says nothing, and leaving such a run out flatters the arm that
diverges. A loss that is NaN says that the scores are those of a broken training.

Fix: find out why the run diverged. A diverged run is a result: report the arm as unstable.

Wrong when: never, for a metric that decides. Another one may have no value by design, as a
correlation of constants has not, or the loss of a head that is not used; it is judged by its last
value, so that what was NaN while warming up is not told.

Source: IEEE 754: comparisons with NaN are false, so a gate written as `a < b` lets NaN pass.
"""

import math
from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.scores import EXAMPLE, Scores


@rule("CMP003", Severity.ERROR)
def check(claim: Claim, scores: Scores) -> Iterator[Violation]:
    """Every metric is a finite number, first of all those of the claim."""
    for metric in dict.fromkeys((*claim.metrics, *scores.names())):
        value = scores.value(metric)
        if value is not None and not math.isfinite(value):
            scored = scores.score(metric) is not None
            yield Violation(
                message=f"{metric} is {value}",
                fix="find out why the run diverged; a diverged run is a result of its arm",
                points=(f"scores.{metric}.value" if scored else f"scores.logged.{metric}.last",),
                severity=None if metric in claim.metrics else Severity.WARNING,
            )


BAD = {
    "claim": CLAIM,
    "scores": EXAMPLE.but(scored=(EXAMPLE.scored[0].model_copy(update={"value": math.nan}),)),
}
GOOD = {"claim": CLAIM, "scores": EXAMPLE}
