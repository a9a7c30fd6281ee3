"""A run has no value of the primary metric or of a guard.

Why: a pair without both values drops out, and runs that lack a value are rarely a random choice.

Fix: score the metric in every run: `run.score("test/accuracy", ...)`.

Wrong when: the claim misspells the metric; the message lists what the run has.

Source: complete cases bias a comparison unless values are missing at random (Rubin 1976).
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim, did_you_mean
from repro.facts.scores import EXAMPLE, Scores


@rule("CMP004", Severity.ERROR)
def check(claim: Claim, scores: Scores) -> Iterator[Violation]:
    """Every metric of the claim has a value."""
    names = scores.names()
    for metric in claim.metrics:
        if scores.value(metric) is None:
            yield Violation(
                message=f"no metric {metric!r}; there is: {', '.join(names) or 'none'}."
                f"{did_you_mean(metric, names)}",
                fix=f'run.score("{metric}", ...), or correct the name in the claim',
                points=(),
            )


BAD = {"claim": CLAIM.model_copy(update={"metric": "test/acuracy"}), "scores": EXAMPLE}
GOOD = {"claim": CLAIM, "scores": EXAMPLE}
