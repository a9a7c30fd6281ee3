"""Somebody seeds a global generator with the same number in runs of different seeds.

Why: whatever is drawn after that line does not follow the run's seed: the seeds are no replicates
of it, and their spread is too small.

Fix: delete the line, or give it the seed of the run: `run.seed`.

Wrong when: only what should be one in every seed is drawn after it, such as a split.

Source: Bouthillier et al. 2021: every source of variance that is held fixed biases the estimate.
"""

from collections import defaultdict
from collections.abc import Iterator

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.determinism import EXAMPLE as SEEDED
from repro.facts.entropy import EXAMPLE, Entropy, Finding
from repro.record import Arms, RunRecord

FEWEST_SEEDS = 2
Line = tuple[str, str]  # where, what


@rule("DET009", Severity.WARNING, preview=True)
def check(runs: Arms[RunRecord]) -> Iterator[Violation | NotApplicable]:
    """No line sets one seed in runs of several."""
    seeds = defaultdict[Line, set[int | None]](set)
    points = dict[Line, str]()
    for run in runs.every():
        found = run.find(Entropy)
        for one in found.of("reseeded") if found else ():
            line = (one.where, one.what)
            seeds[line].add(run.replicate.seed)
            points.setdefault(line, f"entropy.found.{one.index}.what")
    if len({run.replicate.seed for run in runs.every()}) < FEWEST_SEEDS:
        yield NotApplicable("all runs have one seed")
        return
    for (where, what), held in seeds.items():
        if len(held) >= FEWEST_SEEDS:
            yield Violation(
                message=f"{where} calls {what} whatever the run's seed is",
                fix="delete the line, or pass run.seed",
                points=(points[where, what],),
            )


def _runs(entropy: Entropy) -> Arms[RunRecord]:
    return Arms.of(*(example_record(entropy, SEEDED.but(seed=seed)) for seed in (0, 1)))


_RESEEDED = Finding(index=1, kind="reseeded", where="train.py:31", what="numpy.random.seed(0)")
BAD = {"runs": _runs(EXAMPLE.but(found=(_RESEEDED,)))}
GOOD = {"runs": _runs(EXAMPLE)}
