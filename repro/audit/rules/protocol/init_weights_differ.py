"""The arms started from other pretrained weights.

Why: what a model learned before is worth more than most treatments; a newer checkpoint under the
same name is another model.

Fix: load one file in both arms, and pin the revision of a hub model.

Wrong when: the pretraining is the treatment: declare "lineage.*". That the revision of a hub model
is not known is a warning, where both arms name the same model and files.

Source: Dodge et al. 2020: weights and order alone move a fine-tuned score by some points. The
digest is that of the file, whatever its name.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.lineage import EXAMPLE, Lineage
from repro.record import Arms

FOLLOWS = ("lineage.loaded*", "initialization.*")
LOCAL = "a folder of this machine"


@rule("PRT013", Severity.ERROR)
def check(claim: Claim, lineage: Arms[Lineage]) -> Iterator[Violation]:
    """Every pair loaded the same files and the same pretrained model, at one known revision."""
    for left, right in lineage.contrasts():
        points = [path for path in _points(left, right) if not is_declared(claim, path)]
        if points:
            yield Violation(
                message="the arms started from other pretrained weights",
                fix='load the same weights in both arms, or declare "lineage.*" as treatment',
                points=tuple(points),
                consequences=FOLLOWS,
            )
            return
    unpinned = {str(one.pretrained) for one in lineage.every() if _is_unpinned(one)}
    for name in sorted(unpinned):
        yield Violation(
            message=f"the revision of {name} is not known",
            fix=f'from_pretrained("{name}", revision="...")',
            points=("lineage.pretrained", "lineage.revision"),
            severity=Severity.WARNING,
        )


def _points(left: Lineage, right: Lineage) -> Iterator[str]:
    sides = [{file.index: file.digest for file in one.loaded} for one in (left, right)]
    for index in sorted(sides[0].keys() | sides[1].keys()):
        if sides[0].get(index) != sides[1].get(index):
            yield f"lineage.loaded.{index}.digest"
    for part in ("pretrained", "revision", "is_set_from_state"):
        if getattr(left, part) != getattr(right, part):
            yield f"lineage.{part}"


def _is_unpinned(lineage: Lineage) -> bool:
    is_from_hub = lineage.pretrained not in (None, LOCAL)
    return is_from_hub and lineage.revision is None and not lineage.loaded


_OTHER = EXAMPLE.loaded[0].model_copy(update={"digest": "blake3:f2"})
BAD = {"claim": CLAIM, "lineage": Arms.of(EXAMPLE, EXAMPLE.but(loaded=(_OTHER,)))}
GOOD = {"claim": CLAIM, "lineage": Arms.of(EXAMPLE, EXAMPLE)}
