"""There are fewer pairs of runs than the claim asks for.

Why: with few pairs the spread itself is a guess, and what looks like a gain is the luck of a seed.

Fix: run the missing seeds in both arms: `repro run --seeds 0..4 -- python train.py`.

Wrong when: the learner is deterministic: seeds repeat one run. Replicate over folds instead.

Source: Bouthillier et al. 2021; with 3 pairs only effects of 3.26 standard deviations show at 80 %.
"""

from collections.abc import Iterator

from repro.audit.example import example_comparison
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fact import Absent
from repro.stats.comparison import Comparison


@rule("STA001", Severity.WARNING)  # it decides the verdict, and never makes a claim invalid
def check(claim: Claim, comparison: Comparison | Absent) -> Iterator[Violation]:
    """As many replicates as the claim declares."""
    if isinstance(comparison, Absent):
        at_looks = "run as many as the next look asks for; beyond the last, declare `seeds`"
        fix = at_looks if claim.looks else f"run {claim.replicates} seeds in both arms"
        yield Violation(comparison.reason, fix, ())
    elif comparison.kind == "seed" and not comparison.scores_vary:
        n = min(comparison.n_baseline, comparison.n_candidate)
        yield Violation(
            message=f"{n} seeds gave one score in each arm: they are one run repeated; "
            f"the claim asks for {claim.replicates}",
            fix="the seed changes nothing: replicate over folds",
            points=(),
        )
    elif comparison.n_replicates < claim.replicates:
        n, kind = comparison.n_replicates, comparison.kind
        yield Violation(
            message=f"{n} {kind}{'' if n == 1 else 's'} in both arms; "
            f"the claim asks for {claim.replicates}",
            fix=f"run {claim.replicates - n} more in both arms",
            points=(),
        )


BAD = {
    "claim": CLAIM,
    "comparison": example_comparison(n_pairs=2, difference=0.03, standard_error=0.01),
}
GOOD = {
    "claim": CLAIM,
    "comparison": example_comparison(n_pairs=5, difference=0.03, standard_error=0.01),
}
