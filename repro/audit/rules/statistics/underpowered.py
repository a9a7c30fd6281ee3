"""An effect as large as the smallest one that matters would probably have been missed.

Why: with too few pairs "no evidence" says nothing, and the gains that do show are exaggerated.

Fix: run as many as the message says.

Wrong when: the standard deviation of five differences is itself uncertain: the upper 80 % bound of
it, which the message names, may be half as large again.

Source: Cohen 1988; statistics of the paired t test (noncentral t), power .8.
"""

from collections.abc import Iterator

from repro.audit.example import example_comparison
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.stats.comparison import Comparison
from repro.stats.power import (
    minimum_detectable_effect,
    minimum_detectable_effect_unpaired,
    sd_upper_bound,
)


@rule("STA004", Severity.WARNING, preview=True)
def check(claim: Claim, comparison: Comparison) -> Iterator[Violation | NotApplicable]:
    """The effect that is found with power .8 is not above `min_effect`."""
    if claim.min_effect is None:
        yield NotApplicable("the claim declares no min_effect")
        return
    if comparison.kind != "seed" or comparison.sd == 0:
        yield NotApplicable("power is known for seeds whose scores differ")
        return
    detectable, df = _detectable(comparison)
    if detectable > claim.min_effect:
        upper = sd_upper_bound(comparison.sd, df)
        needed = comparison.replicates_needed(claim.min_effect)
        more = f"{needed} would; " if needed else ""
        yield Violation(
            message=f"{comparison.n_replicates} seeds in each arm find {detectable:.3g} with "
            f"power .8, and min_effect is {claim.min_effect:g}; {more}sd {comparison.sd:.3g}, "
            f"with 80 % confidence below {upper:.3g}",
            fix=f"run {needed} seeds in each arm" if needed else "run more seeds",
            points=(),
        )


def _detectable(comparison: Comparison) -> tuple[float, int]:
    """The effect that is found with power .8, and the degrees of freedom of the sd."""
    if comparison.n_pairs:
        n = comparison.n_pairs
        return minimum_detectable_effect(comparison.sd, n), n - 1
    sizes = comparison.n_baseline, comparison.n_candidate
    return minimum_detectable_effect_unpaired(comparison.sd, *sizes), sum(sizes) - 2


_CLAIM = CLAIM.model_copy(update={"min_effect": 0.02})
BAD = {
    "claim": _CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.01, standard_error=0.01),
}
GOOD = {
    "claim": _CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.01, standard_error=0.002),
}
