"""The runs used different versions of Python, or different implementations.

Why: hashing, sorting of ties, the standard library's random module and the wheels that can be
installed at all change between minor versions.

Fix: run both arms in one environment, from one lock file.

Wrong when: the upgrade is the treatment: declare "environment.python". A patch release mends and
changes no number on purpose: it is a note.

Source: PEP 387: incompatible changes come with minor versions of Python.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.release import is_one_minor
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.environment import EXAMPLE, Environment
from repro.record import Arms


@rule("ENV001", Severity.ERROR, preview=True)
def check(claim: Claim, environments: Arms[Environment]) -> Iterator[Violation]:
    """One Python in all runs."""
    for part in ("python", "implementation"):
        path = f"environment.{part}"
        sides = [
            list(dict.fromkeys(getattr(environment, part) for environment in side))
            for _, side in environments.sides()
        ]
        distinct = {value for side in sides for value in side}
        if len(distinct) > 1 and not is_declared(claim, path):
            is_patch = part == "python" and is_one_minor(distinct)
            yield Violation(
                message=f"{part} {' | '.join(', '.join(side) for side in sides)}",
                fix=f'run both arms in one environment, or declare "{path}"',
                points=(path,),
                severity=Severity.NOTE if is_patch else None,
            )


BAD = {"claim": CLAIM, "environments": Arms.of(EXAMPLE, EXAMPLE.but(python="3.12.1"))}
GOOD = {"claim": CLAIM, "environments": Arms.of(EXAMPLE, EXAMPLE)}
