"""Which recorded settings ask for repeatable algorithms, and which choose how numbers are made."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from repro.audit.equality import same_at
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment
from repro.facts.fact import Scalar
from repro.record import is_compared

FLAGS = (
    "determinism.*deterministic*",
    "determinism.mode",
    "environment.variables.*DETERMINISTIC*",
)
NOT_SWITCHES = ("determinism.seed",)


def is_flag(path: str) -> bool:
    """Whether it asks for deterministic algorithms."""
    return any(fnmatchcase(path, glob) for glob in FLAGS)


def settings(fact: Determinism | Environment) -> Iterator[tuple[str, Scalar]]:
    """Every compared switch and numeric variable of a run, flags among them, by its path."""
    for path, value in fact.flat().items():
        is_variable = path.startswith("environment.variables.")
        is_switch = path.startswith("determinism.") and path not in NOT_SWITCHES
        if (is_variable or is_switch) and is_compared(path):
            yield path, value


def differing(left: Mapping[str, Scalar], right: Mapping[str, Scalar]) -> Iterator[str]:
    """Paths whose values differ; one that only one run has counts if it is a variable.

    A switch exists where its library was imported: the other run had none to set.
    """
    for path in sorted(left.keys() | right.keys()):
        if path in left and path in right:
            if not same_at(path, left[path], right[path]):
                yield path
        elif path.startswith("environment.variables."):
            yield path
