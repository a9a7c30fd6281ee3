"""The runs used different versions of a framework that computes the score.

Why: defaults, kernels and initialisation change between releases; a bug fix can look like progress.

Fix: run both arms in one environment, from one lock file.

Wrong when: the upgrade is the treatment: declare "environment.torch". Or when the two releases are
known to give the same numbers here: there is no table of such pairs, for nobody keeps one up to
date; a waiver names the pair, with its reason and its expiry. A patch release is a warning.

Source: PyTorch's reproducibility notes: results are not guaranteed to be equal across releases.
"""

from collections.abc import Iterator, Sequence

from repro.audit.configuration import is_declared
from repro.audit.release import FRAMEWORKS, is_one_minor
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.environment import EXAMPLE, Environment, Package
from repro.record import Arms

NOT_IMPORTED = "not imported"


@rule("ENV002", Severity.ERROR)
def check(claim: Claim, environments: Arms[Environment]) -> Iterator[Violation]:
    """One version of each framework in all runs."""
    for name in FRAMEWORKS:
        versions = [
            list(dict.fromkeys(_version(environment, name) for environment in side))
            for _, side in environments.sides()
        ]
        distinct = {version for side in versions for version in side}
        if len(distinct) > 1 and not is_declared(claim, f"environment.{name}"):
            yield Violation(
                message=f"{name} {' | '.join(', '.join(side) for side in versions)}",
                fix=f'run both arms in one environment, or declare "environment.{name}"',
                points=(f"environment.{name}",),
                severity=_severity(distinct),
            )


def _version(environment: Environment, name: str) -> str:
    versions = {package.name: package.version for package in environment.imported}
    return versions.get(name, NOT_IMPORTED)


def _severity(versions: set[str]) -> Severity:
    """Another patch, or a framework that only some runs import, changes little."""
    is_mild = is_one_minor(versions - {NOT_IMPORTED})
    return Severity.WARNING if is_mild else Severity.ERROR


_OLD: Sequence[Package] = (
    EXAMPLE.imported[0],
    Package(name="torch", version="2.12.1"),
)
BAD = {"claim": CLAIM, "environments": Arms.of(EXAMPLE, EXAMPLE.but(imported=_OLD))}
GOOD = {"claim": CLAIM, "environments": Arms.of(EXAMPLE, EXAMPLE)}
