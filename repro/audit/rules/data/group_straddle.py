"""One entity (patient, user, site) stands in train and in evaluation.

Why: rows of one entity resemble each other; the model recognises the entity instead of the pattern
and fails on new ones.

Fix: split by entity, for example with GroupKFold, and declare the group.

Wrong when: the model will meet the same entities in use: do not declare the group then.

Source: Saeb et al. 2017, record-wise against subject-wise cross-validation.
"""

from collections.abc import Iterator

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.audit.unrecorded import unrecorded
from repro.facts.data import EXAMPLE, Data
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition, Split

FIX = "split by group, for example with GroupKFold"


@rule("DAT005", Severity.ERROR)
def check(data: Data | Absent, split: Split | Absent) -> Iterator[Answer]:
    """No declared group has rows on both sides."""
    if isinstance(data, Absent) and isinstance(split, Absent):
        yield unrecorded("data", data)
        return
    in_data = isinstance(data, Data) and data.group is not None
    in_split = isinstance(split, Split) and split.has_groups
    if not in_data and not in_split:
        yield NotApplicable("no groups were declared")
        return
    counts = _shared_groups(data)
    proof = split.condition("G1") if isinstance(split, Split) else None
    if any(counts.values()):
        points = tuple(path for path, count in counts.items() if count)
        yield Violation("groups stand in train and in evaluation", FIX, points)
    elif proof and proof.outcome == "VIOLATED":
        yield Violation(f"the split cuts through groups: {proof.detail}", FIX, (_PROOF,))
    elif not counts and (proof is None or proof.outcome == "NOT_CHECKED"):
        why = f": {proof.detail}" if proof else ""
        yield Unknown(
            message=f"groups were declared and not compared{why}",
            fix="run.log_data(train=..., test=..., group=...)",
            points=(_PROOF,) if proof else (),
        )


_PROOF = "split.proof.G1.outcome"


def _shared_groups(data: Data | Absent) -> dict[str, int]:
    """Number of shared groups by path, where groups were compared."""
    overlaps = data.overlaps if isinstance(data, Data) else ()
    return {
        f"data.overlaps.{overlap.roles}.n_shared_groups": overlap.n_shared_groups
        for overlap in overlaps
        if overlap.n_shared_groups is not None
    }


_STRADDLING = EXAMPLE.overlaps[0].model_copy(update={"n_shared_groups": 3})
_APART = EXAMPLE.overlaps[0].model_copy(update={"n_shared_groups": 0})
_PROVED = SPLIT.but(has_groups=True, proof=(Condition(id="G1", outcome="PROVED"),))
BAD = {"data": EXAMPLE.but(group="patient", overlaps=(_STRADDLING,)), "split": SPLIT}
GOOD = {"data": EXAMPLE.but(group="patient", overlaps=(_APART,)), "split": _PROVED}
