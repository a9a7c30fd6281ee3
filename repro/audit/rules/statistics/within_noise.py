"""The difference is not larger than the noise between replicates.

Why: another set of seeds could as well have shown no gain, or a loss.

Fix: run more replicates; the report says how many would show `min_effect`.

Wrong when: read as "there is no difference": it says that none was shown.

Source: Dror et al. 2018; the interval is the one that decides the verdict.
"""

from collections.abc import Iterator

from repro.audit.example import example_comparison
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.stats.comparison import Comparison


@rule("STA003", Severity.WARNING)  # it decides the verdict, and never makes a claim invalid
def check(claim: Claim, comparison: Comparison) -> Iterator[Violation | NotApplicable]:
    """The two-sided interval leaves zero out."""
    if claim.goal != "improve":
        yield NotApplicable(f"goal {claim.goal!r} does not claim a difference")
        return
    if comparison.difference and not comparison.estimate.has_spread:
        yield Violation(
            message=f"every pair differs by {comparison.difference:.3g}: "
            f"no noise was measured that it could exceed",
            fix="replicate over what changes the scores: folds, or seeds that reach the training",
            points=(),
        )
        return
    low, high = comparison.interval
    if low <= 0 <= high:
        yield Violation(
            message=f"the {100 * (1 - comparison.alpha):.4g} % interval of the difference, "
            f"{low:.3g} to {high:.3g}, holds 0",
            fix="no evidence is not evidence of none: run more replicates",
            points=(),
        )


BAD = {
    "claim": CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.01, standard_error=0.01),
}
GOOD = {
    "claim": CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.05, standard_error=0.01),
}
