"""Runs of different seeds started from the same random weights, and scored the same to the bit.

Why: the seed does not reach the training: the replicates are one run told several times, and their
spread says nothing.

Fix: make the model inside `with repro.tracked_run(seed=...)`, and delete seeds set by hand.

Wrong when: every run loaded the same weights by a way that the record does not tell, and nothing
else in the training is random.

Source: Bouthillier et al. 2021 on replicates that vary too little.
"""

import re
from collections.abc import Iterator
from itertools import combinations

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.determinism import EXAMPLE as SEEDED
from repro.facts.initialization import EXAMPLE as INITIALIZATION
from repro.facts.initialization import Initialization
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.scores import Scores
from repro.record import Arms, RunRecord

DRAWN = re.compile(r"default|normal|uniform|orthogonal|random")  # names of schemes


@rule("DET006", Severity.ERROR, preview=True)
def check(runs: Arms[RunRecord]) -> Iterator[Violation | NotApplicable]:
    """Seeds give other random weights, or at least other scores."""
    drawn = [[run for run in side if _is_drawn(run)] for _, side in runs.sides()]
    if not any(len(side) > 1 for side in drawn):
        yield NotApplicable("no side has two runs whose weights are known to be drawn at random")
        return
    for side in drawn:
        for one, other in combinations(side, 2):
            if _is_other_seed(one, other) and _is_same_training(one, other):
                yield Violation(
                    message=f"seeds {one.replicate.seed} and {other.replicate.seed} gave the same "
                    f"weights and the same scores",
                    fix="make the model inside tracked_run, and delete seeds set by hand",
                    points=("determinism.seed", "initialization.digest"),
                )
                return


def _is_drawn(run: RunRecord) -> bool:
    """Whether the first weights are random numbers, and were not loaded."""
    first, lineage, scores = run.find(Initialization), run.find(Lineage), run.find(Scores)
    if first is None or lineage is None or scores is None or not scores.scored:
        return False
    is_loaded = bool(lineage.loaded or lineage.is_set_from_state or lineage.pretrained)
    return not is_loaded and any(DRAWN.search(one.scheme) for one in first.schemes)


def _is_other_seed(one: RunRecord, other: RunRecord) -> bool:
    left, right = one.replicate, other.replicate
    return left.seed != right.seed and left.fold == right.fold


def _is_same_training(one: RunRecord, other: RunRecord) -> bool:
    first, second = one.find(Initialization), other.find(Initialization)
    is_same_start = first is not None and second is not None and first.digest == second.digest
    return is_same_start and _values(one) == _values(other)


def _values(run: RunRecord) -> dict[str, float]:
    scores = run.find(Scores)
    return {score.name: score.value for score in scores.scored} if scores else {}


def _seeded(seed: int, digest: str) -> RunRecord:
    return example_record(
        SEEDED.but(seed=seed), LINEAGE.but(loaded=()), INITIALIZATION.but(digest=digest)
    )


def _runs(*digests: str) -> Arms[RunRecord]:
    side = tuple(_seeded(seed, digest) for seed, digest in enumerate(digests))
    return Arms(side, side, ((0, 0), (1, 1)))


BAD = {"runs": _runs("blake3:ab", "blake3:ab")}
GOOD = {"runs": _runs("blake3:ab", "blake3:cd")}
