"""Runs of one seed started from other weights, so that pairing them takes no noise away.

Why: a paired comparison is sharper because both runs of a pair share their luck. Where the seed
does not reach the initialization it is an unpaired one, with an interval that may mislead.

Fix: make the model inside `tracked_run(seed=...)`, before anything that only one arm draws; or give
the arms other seeds, so that they are compared unpaired.

Wrong when: the treatment changes how the weights are drawn under a name that does not say so. Other
architectures, initializations, pretrained weights, data or code as treatment are not judged, and
weights that agree but for rounding are the same.

Source: seed-paired runs of one configuration agree within 4e-7 relative.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Architecture
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.determinism import Determinism
from repro.facts.fact import Absent
from repro.facts.initialization import EXAMPLE, Initialization, Tensor
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.record import Arms

TOUCHES = ("code", "compression", "data", "initialization", "lineage", "split")
FROZEN = "lineage.frozen"  # says what is trained, not where it starts
OF_INITIALIZATION = re.compile(r"init|gain|std|pretrain|checkpoint|weights")
CLOSE = 1e-5  # relative


class Side(NamedTuple):
    """What decides the first weights of one run."""

    initialization: Initialization
    determinism: Determinism
    architecture: Architecture | Absent
    lineage: Lineage | Absent


@rule("DET003", Severity.WARNING)
def check(
    claim: Claim,
    initialization: Arms[Initialization],
    determinism: Arms[Determinism],
    architecture: Arms[Architecture | Absent],
    lineage: Arms[Lineage | Absent],
) -> Iterator[Violation | NotApplicable]:
    """In every pair of one seed, and of one architecture, the first weights are the same."""
    facts = (initialization, determinism, architecture, lineage)
    sides = initialization.with_values(
        list(map(Side, *(arms.baseline for arms in facts))),
        list(map(Side, *(arms.candidate for arms in facts))),
    )
    pairs = [pair for pair in sides.contrasts() if sides.pairs and _is_comparable(*pair)]
    if any(_touches(glob) for glob in claim.treatment):
        yield NotApplicable("the treatment may change the first weights")
    elif not pairs:
        yield NotApplicable("no pair of one seed has one architecture")
    n_other = sum(not _is_same(a.initialization, b.initialization) for a, b in pairs)
    if n_other and not any(_touches(glob) for glob in claim.treatment):
        yield Violation(
            message=f"{n_other} of {len(pairs)} pairs of one seed start from other weights",
            fix="make the model inside tracked_run(seed=...), before what only one arm draws",
            points=("initialization.digest",),
        )


def _touches(glob: str) -> bool:
    key = re.split(r"[.:]", glob)[0]
    return (key in TOUCHES and not glob.startswith(FROZEN)) or (
        key == "params" and OF_INITIALIZATION.search(glob) is not None
    )


def _is_comparable(left: Side, right: Side) -> bool:
    """One seed, one tree of modules, one origin of the weights: then the seed decides alone."""
    seed, models = left.determinism.seed, (left.architecture, right.architecture)
    is_one_seed = seed is not None and seed == right.determinism.seed
    digests = {one.digest if isinstance(one, Architecture) else None for one in models}
    lineages = [one for one in (left.lineage, right.lineage) if isinstance(one, Lineage)]
    origins = {
        (one.loaded, one.pretrained, one.revision, one.is_set_from_state) for one in lineages
    }
    return is_one_seed and len(digests) == 1 and len(origins) < 2


def _is_same(left: Initialization, right: Initialization) -> bool:
    """Whether the digests agree; else the statistics of every tensor, but for rounding."""
    if left.digest == right.digest:
        return True
    a, b = ({tensor.path: tensor for tensor in one.tensors} for one in (left, right))
    return bool(a) and a.keys() == b.keys() and all(_is_close(a[path], b[path]) for path in a)


def _is_close(left: Tensor, right: Tensor) -> bool:
    pairs = ((getattr(left, part), getattr(right, part)) for part in ("mean", "std", "low", "high"))
    scale = max(abs(right.low or 0.0), abs(right.high or 0.0))  # a mean near 0 has no relative size
    return all(
        x is not None and y is not None and math.isclose(x, y, rel_tol=CLOSE, abs_tol=CLOSE * scale)
        for x, y in pairs
    )


_MOVED = EXAMPLE.tensors[0].model_copy(update={"mean": 0.01})
_OTHER = EXAMPLE.but(digest="blake3:cd", tensors=(_MOVED,))
_REST = {
    "claim": CLAIM,
    "determinism": Arms.of(DETERMINISM, DETERMINISM),
    "architecture": Arms.of(ARCHITECTURE, ARCHITECTURE),
    "lineage": Arms.of(LINEAGE, LINEAGE),
}
BAD = {**_REST, "initialization": Arms.of(EXAMPLE, _OTHER)}
GOOD = {**_REST, "initialization": Arms.of(EXAMPLE, EXAMPLE)}
