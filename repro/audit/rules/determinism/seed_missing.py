"""Nothing was seeded.

Why: the run cannot be repeated, and it cannot be paired with the run of the other arm that drew the
same random numbers.

Fix: `repro.tracked_run(seed=...)`, or run several: `repro run --seeds 5 -- python train.py`.

Wrong when: the training draws no random number at all.

Source: Pineau et al. 2021, the reproducibility checklist.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.determinism import EXAMPLE, Determinism


@rule("DET001", Severity.ERROR)
def check(determinism: Determinism) -> Iterator[Violation]:
    """The run has a seed."""
    if determinism.seed is None:
        yield Violation(
            message="nothing was seeded",
            fix="repro.tracked_run(seed=...)",
            points=("determinism.seed", "determinism.seed_source"),
        )


BAD = {"determinism": EXAMPLE.but(seed=None, seed_source="none", seeded=())}
GOOD = {"determinism": EXAMPLE}
