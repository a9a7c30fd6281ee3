"""Only a part of the data was read.

Why: what was not read may differ between the arms, and no digest tells.

Fix: hand over the whole data set: run.log_data(train=..., test=...).

Wrong when: a set is too large to be read, or a stream without an end: state the coverage beside the
result, and waive the rule.

Source: of a map-style data set at most 50,000 items are read, of a stream 100,000 rows.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE_POLICY, Policy
from repro.facts.data import EXAMPLE, Data, Role


@rule("DAT002", Severity.ERROR, preview=True)
def check(data: Data, policy: Policy) -> Iterator[Violation | Unknown]:
    """Every role was read to its end; unknown if not, an error in a release."""
    for role in data.roles:
        if role.coverage >= 1 and role.reading == "all":
            continue
        path = f"data.{role.role}"
        message, fix = _told(role), f"run.log_data({role.role}=...) with the whole data set"
        points = (f"{path}.coverage", f"{path}.reading")
        if policy.profile == "release":
            yield Violation(message, fix, points)
        else:
            yield Unknown(message, fix, points, severity=Severity.WARNING)


def _told(role: Role) -> str:
    if role.reading == "seen":
        return f"{role.role} is a stream: {role.n_rows} rows of it were seen"
    return f"{role.n_rows} rows of {role.role} were read, {role.coverage:.3g} of all"


_SAMPLED = EXAMPLE.roles[0].model_copy(update={"reading": "sample", "coverage": 0.2})
_RELEASE = EXAMPLE_POLICY.model_copy(update={"profile": "release"})
BAD = {"data": EXAMPLE.but(roles=(_SAMPLED, EXAMPLE.roles[1])), "policy": _RELEASE}
GOOD = {"data": EXAMPLE, "policy": _RELEASE}
