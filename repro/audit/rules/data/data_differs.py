"""The arms were given different data.

Why: more, fewer or other rows move a score more than most treatments do.

Fix: pin the version of the data, and run both arms on it.

Wrong when: the training data are the treatment: declare "data.train.*". The evaluation data must be
equal, whatever is declared. Equal rows in another order are a note.

Source: the digest covers every row of every role, before the split and whatever their order.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.digest import short
from repro.facts.data import EXAMPLE, Data
from repro.record import Arms

FOLLOWS = ("split.*", "scores.*.rows_digest", "scores.*.n_rows", "budget.n_samples")


EVALUATION = ("test", "valid")  # what these hold decides the score: no declaration covers it


@rule("DAT001", Severity.ERROR)
def check(claim: Claim, data: Arms[Data]) -> Iterator[Violation]:
    """Both arms of every pair hold the same rows, all roles together."""
    for left, right in data.contrasts():
        if left.pool_digest != right.pool_digest:
            roles = [role for role in _differing(left, right) if not _is_declared(claim, role)]
            if roles:
                yield _other_rows(left, right, roles)
                return
    for left, right in data.contrasts():
        roles = _reordered(left, right)
        if roles:
            yield _other_order(roles)
            return


def _other_rows(left: Data, right: Data, roles: list[str]) -> Violation:
    digests = f"{short(left.pool_digest)}, candidate {short(right.pool_digest)}"
    globs = ", ".join(f'"data.{role}.*"' for role in roles if role not in EVALUATION)
    declare = f", or declare {globs} as treatment" if globs else ""
    return Violation(
        message=f"baseline holds the data {digests}; other rows in: {', '.join(roles)}",
        fix=f"run both arms on one version of the data{declare}",
        points=("data.pool_digest", *(f"data.{role}.n_rows" for role in roles)),
        consequences=tuple(f"data.{role}.*" for role in roles) + FOLLOWS,
    )


def _other_order(roles: list[str]) -> Violation:
    is_scored = any(role in EVALUATION for role in roles)
    follows = tuple(f"split.{role}_digest" for role in roles)
    return Violation(
        message=f"the same rows in another order: {', '.join(roles)}",
        fix="read the data in a fixed order: it decides which rows meet in a batch",
        points=tuple(f"data.{role}.digest" for role in roles),
        severity=Severity.NOTE,
        consequences=(*follows, "scores.*.rows_digest") if is_scored else follows,
    )


def _differing(left: Data, right: Data) -> list[str]:
    names = dict.fromkeys(role.role for role in left.roles + right.roles)
    return [name for name in names if _rows(left, name) != _rows(right, name)]


def _reordered(left: Data, right: Data) -> list[str]:
    """Roles that hold the same rows in another order."""
    same = [role for role in left.roles if _rows(left, role.role) == _rows(right, role.role)]
    others = {role.role: role.digest for role in right.roles}
    return [role.role for role in same if role.digest != others[role.role]]


def _rows(data: Data, name: str) -> str | None:
    role = data.role(name)
    return role.rows_digest if role else None


def _is_declared(claim: Claim, role: str) -> bool:
    return role not in EVALUATION and is_declared(claim, f"data.{role}.rows_digest")


_OTHER_TRAIN = EXAMPLE.roles[0].model_copy(
    update={"n_rows": 1300, "digest": "blake3:a0", "rows_digest": "blake3:a0"}
)
BAD = {
    "claim": CLAIM,
    "data": Arms.of(
        EXAMPLE, EXAMPLE.but(roles=(_OTHER_TRAIN, EXAMPLE.roles[1]), pool_digest="blake3:c0")
    ),
}
GOOD = {"claim": CLAIM, "data": Arms.of(EXAMPLE, EXAMPLE)}
