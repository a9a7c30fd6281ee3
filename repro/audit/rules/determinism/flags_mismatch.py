"""The arms asked for repeatable algorithms in other ways, or a claim about bits did not ask.

Why: deterministic kernels are other kernels, and an arm without them brings noise of its own that
its seeds do not hold.

Fix: the same `deterministic=` in both arms; "strict" for a claim that says "the same to the bit".

Wrong when: the flags are the treatment: declare "determinism.*". A library that only one arm has
imported has flags in that arm only, which is no mismatch.

Source: PyTorch's reproducibility notes on `torch.use_deterministic_algorithms`; Zhuang et al. 2022.
"""

from collections.abc import Iterator, Mapping

from repro.audit.configuration import is_declared
from repro.audit.exactness import is_bitwise
from repro.audit.rule import Severity, Violation, rule
from repro.audit.switch_kinds import differing, is_flag, settings
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.determinism import Determinism
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Environment
from repro.facts.fact import Scalar
from repro.record import Arms


@rule("DET004", Severity.WARNING, preview=True)
def check(
    claim: Claim, determinism: Arms[Determinism], environment: Arms[Environment]
) -> Iterator[Violation]:
    """The same flags in every pair; none switched off where bits are compared."""
    found = {
        path for left, right in _flags(determinism, environment) for path in differing(left, right)
    }
    points = tuple(sorted(path for path in found if not is_declared(claim, path)))
    if points:
        yield Violation(
            message=f"flags of determinism differ: {', '.join(map(_name, points))}",
            fix='give both arms the same deterministic=, or declare "determinism.*"',
            points=points,
        )
    elif is_bitwise(claim) and any(one.mode == "off" for one in determinism.every()):
        yield Violation(
            message="the claim is about equal bits, and nothing asked for repeatable algorithms",
            fix='repro.tracked_run(..., deterministic="strict")',
            points=("determinism.mode",),
        )


def _flags(
    determinism: Arms[Determinism], environment: Arms[Environment]
) -> Iterator[tuple[Mapping[str, Scalar], Mapping[str, Scalar]]]:
    """Both sides of each pair, every flag by its path."""
    for switches, variables in zip(determinism.contrasts(), environment.contrasts(), strict=True):
        left, right = (
            {path: value for fact in facts for path, value in settings(fact) if is_flag(path)}
            for facts in zip(switches, variables, strict=True)
        )
        yield left, right


def _name(path: str) -> str:
    return path.removeprefix("determinism.").removeprefix("environment.variables.")


_REST = {"claim": CLAIM, "environment": Arms.of(ENVIRONMENT, ENVIRONMENT)}
BAD = {**_REST, "determinism": Arms.of(DETERMINISM, DETERMINISM.but(mode="off"))}
GOOD = {**_REST, "determinism": Arms.of(DETERMINISM, DETERMINISM)}
