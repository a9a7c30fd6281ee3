"""The arms were run on different seeds.

Why: what a seed does to both arms cancels in a pair; without its counterpart a run is left out, and
without any pair the noise of both arms counts in full.

Fix: run both arms on one list of seeds: `repro run --seeds 0..4 -- python train.py`.

Wrong when: the arms draw their random numbers so differently that equal seeds mean nothing: then
pairing costs little and gains nothing.

Source: Bouthillier et al. 2021. At a correlation of .9 between the arms, five pairs find an effect
of .8 standard deviations with power .84, five runs on other seeds with .18.
"""

from collections.abc import Iterator

from repro.audit.example import example_record
from repro.audit.rule import Severity, Violation, rule
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.record import Arms, RunRecord


@rule("STA002", Severity.WARNING, preview=True)
def check(runs: Arms[RunRecord]) -> Iterator[Violation]:
    """Both arms have the same seeds."""
    baseline, candidate = (
        {seed for record in records if (seed := record.replicate.seed) is not None}
        for _, records in runs.sides()
    )
    if baseline == candidate:
        return
    missing = {"baseline": candidate - baseline, "candidate": baseline - candidate}
    lacks = [
        f"{arm} lacks {', '.join(map(str, sorted(seeds)))}"
        for arm, seeds in missing.items()
        if seeds
    ]
    yield Violation(
        message=f"the arms do not share their seeds: {'; '.join(lacks)}",
        fix="run the missing seeds",
        points=("determinism.seed",),
    )


BAD = {"runs": Arms.of(example_record(), example_record(DETERMINISM.but(seed=1)))}
GOOD = {"runs": Arms.of(example_record(), example_record())}
