"""The difference is real, and too small to matter.

Why: with enough runs any difference is significant; whether it pays for its cost is another
question.

Fix: decide on the cost; the candidate may still be the cheaper one.

Wrong when: `rope` was set too wide for what the metric is used for.

Source: Kruschke 2013 on regions of practical equivalence.
"""

from collections.abc import Iterator

from repro.audit.example import example_comparison
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.stats.comparison import Comparison


@rule("STA010", Severity.WARNING, preview=True)
def check(claim: Claim, comparison: Comparison) -> Iterator[Violation | NotApplicable]:
    """An interval that leaves zero out reaches beyond `rope`."""
    if claim.rope is None:
        yield NotApplicable("the claim declares no rope")
        return
    low, high = comparison.interval
    is_shown = comparison.estimate.has_spread and not low <= 0 <= high
    if is_shown and -claim.rope < low and high < claim.rope:
        yield Violation(
            message=f"the difference, {low:.3g} to {high:.3g}, lies within the rope of "
            f"-{claim.rope:g} to {claim.rope:g}",
            fix="decide by what the candidate costs",
            points=(),
        )


_CLAIM = CLAIM.model_copy(update={"rope": 0.02})
BAD = {
    "claim": _CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.01, standard_error=0.001),
}
GOOD = {
    "claim": _CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.03, standard_error=0.001),
}
