"""A guard metric is not shown to hold.

Why: a gain on one metric that costs another is a trade, not an improvement.

Fix: run more replicates until the guard's bound is above its margin, or mend what regressed.

Wrong when: the margin was chosen after the scores were seen; or it is smaller than the noise of any
number of runs that is to be had.

Source: non-inferiority by the one-sided 95 % bound, as in Schumi and Wittes 2011; all guards must
hold at once, so that their number needs no correction (Berger 1982).
"""

from collections.abc import Iterator

from repro.audit.case import GuardResult, Guards
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import Guard

OUTCOMES = {
    "worse": "got worse by more than its margin of",
    "unclear": "is not shown to lose less than its margin of",
}


@rule("STA011", Severity.WARNING)  # it decides the verdict, and never makes a claim invalid
def check(guards: Guards) -> Iterator[Violation | NotApplicable]:
    """Every guard's lower bound is above -margin."""
    if not guards.results:
        yield NotApplicable("the claim has no guards")
    for result in guards.results:
        if result.outcome != "safe":
            yield Violation(
                message=f"{result.guard.metric} {OUTCOMES[result.outcome]} {result.guard.margin:g}",
                fix="run more replicates, or mend what regressed",
                points=(),
            )


_GUARD = Guard(metric="test/loss", direction="lower", margin=0.02)
BAD = {"guards": Guards((GuardResult(_GUARD, outcome="unclear", comparison=None),))}
GOOD = {"guards": Guards((GuardResult(_GUARD, outcome="safe", comparison=None),))}
