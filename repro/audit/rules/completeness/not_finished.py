"""A run that failed, was killed or is still running is used as a result.

Why: its scores are those of a training that did not happen as planned, and runs that end early are
rarely a random choice.

Fix: run it again to its end; a newer finished run of the same seed and fold takes its place.

Wrong when: the failure came after the last score, for example while a plot was written.

Source: MLflow leaves runs that were killed in the state RUNNING.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.outcome import EXAMPLE, Outcome


@rule("CMP001", Severity.ERROR)
def check(outcome: Outcome) -> Iterator[Violation]:
    """The run finished."""
    if outcome.status != "FINISHED":
        why = f": {outcome.error}" if outcome.error else ""
        yield Violation(
            message=f"the run is {outcome.status}{why}",
            fix="run it again to its end; other findings about it may come from the early end",
            points=("outcome.status",),
        )


BAD = {"outcome": EXAMPLE.but(status="FAILED", error="CUDA out of memory")}
GOOD = {"outcome": EXAMPLE}
