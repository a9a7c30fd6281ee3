"""Evaluation rows also stand in the training data.

Why: the model has seen the answer; memory scores as skill.

Fix: remove duplicates before splitting, or split by a hash of the row.

Wrong when: a table of few and coarse columns repeats rows by chance. Without a column that tells
rows apart, and with no more repeats than independent columns give, it is a note. Where chance
would repeat no row at all, more than 1 % of repeats are an error whatever the columns, from three
rows on: two flowers of iris have the same measures. Whether a column tells rows apart is seen in
the larger of the two sets, for in a handful of rows every column does.

Source: Barz and Denzler 2020: 3 % of CIFAR-10's and 10 % of CIFAR-100's test images have (nearly)
equal ones in train.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.facts.data import EXAMPLE, Data, Overlap, Role

TOLERATED_SHARE = 0.001  # of the evaluation rows
IDENTIFYING_SHARE = 0.5  # distinct values / rows, above which a column tells rows apart
COPIED_SHARE = 0.01  # of the evaluation rows; chance that repeats no row does not give as many
FEWEST_COPIED = 3  # columns are not independent: one or two rows may repeat all the same
CHANCE_FACTOR = 10  # more repeats than this times the expected ones are no chance


@rule("DAT003", Severity.ERROR)
def check(data: Data) -> Iterator[Violation | Unknown]:
    """No evaluation set repeats more than 0.1 % of its rows from train."""
    partly_read = [role for role in data.roles if role.coverage < 1]
    if not data.overlaps:
        yield Unknown(
            message="training and evaluation data were not both logged",
            fix="run.log_data(train=..., test=...)",
            points=tuple(f"data.{role.role}.n_rows" for role in data.roles),
        )
    elif partly_read:
        yield Unknown(
            message=f"only a part was read of: {', '.join(role.role for role in partly_read)}",
            fix="log the whole data set",
            points=tuple(f"data.{role.role}.coverage" for role in partly_read),
        )
    for overlap in data.overlaps:
        yield from _judged(data, overlap)


def _judged(data: Data, overlap: Overlap) -> Iterator[Violation | Unknown]:
    train, _, evaluation = overlap.roles.partition("/")
    role, source = data.role(evaluation), data.role(train)
    if role and source and role.schema_digest != source.schema_digest:
        yield Unknown(
            message=f"{train} and {evaluation} have other columns or dtypes: "
            f"their overlap cannot be told",
            fix="log both in one layout",
            points=tuple(f"data.{name}.schema_digest" for name in (train, evaluation)),
        )
        return
    if role is None or overlap.n_shared <= TOLERATED_SHARE * role.n_rows:
        return
    path = f"data.overlaps.{overlap.roles}"
    yield Violation(
        message=f"{overlap.n_shared} of {role.n_rows} {evaluation} rows also stand in {train} "
        f"({overlap.n_expected:.3g} expected by chance)",
        fix="remove duplicates before splitting, or split by a hash of the row",
        points=(f"{path}.n_shared", f"{path}.n_shared_features", f"data.{evaluation}.n_rows"),
        severity=_severity(overlap, role, source),
    )


def _severity(overlap: Overlap, evaluation: Role, source: Role | None) -> Severity:
    n_shared, sides = overlap.n_shared, [one for one in (evaluation, source) if one]
    is_chance = n_shared <= CHANCE_FACTOR * overlap.n_expected
    is_many = n_shared >= FEWEST_COPIED and n_shared > COPIED_SHARE * evaluation.n_rows
    is_copied = not is_chance and overlap.n_expected < 0.5 and is_many
    larger = max(sides, key=lambda role: role.n_rows)
    if is_copied or larger.max_distinct_share > IDENTIFYING_SHARE:
        return Severity.ERROR
    return Severity.NOTE if is_chance else Severity.WARNING


_COPIED = Overlap(roles="train/test", n_shared=45, n_shared_features=45, n_expected=0.1)
BAD = {"data": EXAMPLE.but(overlaps=(_COPIED,))}
GOOD = {"data": EXAMPLE}
