"""One entity (patient, user, site) stands in train and in evaluation.

Why: rows of one entity resemble each other; the model recognises the entity instead of the pattern
and fails on new ones.

Fix: split by entity, for example with GroupKFold, and declare the group.

Wrong when: the model will meet the same entities in use: do not declare the group then. Where none
is declared, a column is taken for one by its name (`patient_id`), if its values repeat and stand on
both sides: a warning. Entities that only a prefix of a text tells are not seen.

Source: Saeb et al. 2017, record-wise against subject-wise cross-validation.
"""

import re
from collections.abc import Iterator

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.audit.unrecorded import unrecorded
from repro.facts.data import EXAMPLE, Column, Data, Overlap, Role
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition, Split

FIX = "split by group, for example with GroupKFold"
NAMES = re.compile(  # of columns that say whose row it is
    r"(?:^|_)(?:(?:author|client|customer|donor|household|participant|patient|person|site|speaker"
    r"|subject|user)s?|\w+_(?:id|uuid))$"
)
FEWEST_ENTITIES = 10  # fewer are the values of a feature
ROWS_OF_ONE = 2  # on average
COMPARED = 1_000  # distinct values, up to which a column is compared with that of train


@rule("DAT005", Severity.ERROR)
def check(data: Data | Absent, split: Split | Absent) -> Iterator[Answer]:
    """No declared group has rows on both sides."""
    if isinstance(data, Absent) and isinstance(split, Absent):
        yield unrecorded("data", data)
        return
    in_data = isinstance(data, Data) and data.group is not None
    in_split = isinstance(split, Split) and split.has_groups
    if not in_data and not in_split:
        inferred = tuple(_inferred(data)) if isinstance(data, Data) else ()
        yield from inferred or (NotApplicable("no groups were declared"),)
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


def _inferred(data: Data) -> Iterator[Violation]:
    """Columns that look like the group that nobody declared, with values on both sides."""
    for overlap in data.overlaps:
        train, evaluation = (data.role(name) for name in overlap.roles.split("/"))
        if train and evaluation and train.role == "train" and overlap.n_columns:
            entities = {column.name for column in train.columns if _is_entity(column, train)}
            for column in evaluation.columns:
                n_shared = _n_shared(column, evaluation, overlap)
                if column.name in entities and n_shared > 0:
                    yield _suspicion(column.name, evaluation, n_shared)


def _n_shared(column: Column, evaluation: Role, overlap: Overlap) -> int:
    """Rows whose value stands in train, too; none where that is not known."""
    n_unseen = {one.column: one.n_unseen for one in overlap.strange}.get(column.name, 0)
    if n_unseen is None or not _is_compared(column):
        return 0
    return evaluation.n_rows - column.n_missing - n_unseen


def _suspicion(name: str, evaluation: Role, n_shared: int) -> Violation:
    return Violation(
        message=f"{n_shared} of {evaluation.n_rows} {evaluation.role} rows have a {name} that "
        f"train has, too, and no group was declared",
        fix=f"{FIX}; or run.log_data(..., group={name!r}), which decides",
        points=tuple(
            f"data.{role}.columns.{name}.n_distinct" for role in ("train", evaluation.role)
        ),
        severity=Severity.WARNING,
    )


def _is_entity(column: Column, train: Role) -> bool:
    """Whether the name says so, and the values are many that come back."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.name).casefold()
    n_distinct = column.n_distinct or 0
    is_repeated = FEWEST_ENTITIES <= n_distinct <= train.n_rows / ROWS_OF_ONE
    return NAMES.search(words) is not None and is_repeated and _is_compared(column)


def _is_compared(column: Column) -> bool:
    is_float = column.dtype.startswith("float")
    return not is_float and column.n_distinct is not None and column.n_distinct <= COMPARED


_STRADDLING = EXAMPLE.overlaps[0].model_copy(update={"n_shared_groups": 3})
_APART = EXAMPLE.overlaps[0].model_copy(update={"n_shared_groups": 0})
_PROVED = SPLIT.but(has_groups=True, proof=(Condition(id="G1", outcome="PROVED"),))
BAD = {"data": EXAMPLE.but(group="patient", overlaps=(_STRADDLING,)), "split": SPLIT}
GOOD = {"data": EXAMPLE.but(group="patient", overlaps=(_APART,)), "split": _PROVED}
