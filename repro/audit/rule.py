"""What a rule is: a question about recorded facts, asked for by annotation."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from repro.audit.case import EvaluationNoise, Guards, Reruns, Spoken
from repro.audit.ledger import Ledger
from repro.claims import Claim, Policy
from repro.facts.fact import Absent, Fact
from repro.record import Arms, RunRecord
from repro.stats.comparison import Comparison

NUMBERS = (Comparison, Guards, EvaluationNoise)  # there are none before the claim is admissible
GIVEN = (RunRecord, Claim, Policy, Ledger, Reruns, Spoken, *NUMBERS)  # besides facts
SECTIONS = ("Why", "Fix", "Wrong when", "Source")


class Severity(StrEnum):
    """How much a finding weighs; from worst to mildest."""

    ERROR = "error"  # the comparison is not valid
    WARNING = "warning"  # does not block
    NOTE = "note"

    def is_worse_than(self, other: "Severity") -> bool:
        """Whether it weighs more."""
        order = list(Severity)
        return order.index(self) < order.index(other)


@dataclass(frozen=True)
class Violation:
    """A rule is broken.

    `points` are paths into the record, quoted as evidence. `consequences` are globs over further
    paths that differ because of it: they are not quoted, and no other rule reports them again.
    """

    message: str
    fix: str
    points: tuple[str, ...]
    severity: Severity | None = None  # None: as the rule declares
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """A rule cannot be decided from what was recorded."""

    message: str
    fix: str
    points: tuple[str, ...]
    severity: Severity | None = None
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotApplicable:
    """A rule has nothing to say about these runs."""

    reason: str


Answer = Violation | Unknown | NotApplicable
Check = Callable[..., Iterator[Answer]]


@dataclass(frozen=True)
class Need:
    """What one parameter of a check asks for."""

    parameter: str
    kind: type
    of_arms: bool  # of every run of the claim, side by side
    takes_absent: bool  # the rule wants to see that, and why, it is missing

    @property
    def fact(self) -> type[Fact] | None:
        """The kind of fact, which may be missing; None if it asks for something else."""
        return self.kind if issubclass(self.kind, Fact) else None


@dataclass(frozen=True)
class Rule:
    """One reason for which a run or a claim is not to be believed."""

    name: str
    code: str
    severity: Severity  # the worst that a violation may have
    check: Check
    needs: tuple[Need, ...]
    is_preview: bool = False  # asked only where a policy asks for it

    @property
    def is_per_run(self) -> bool:
        """Whether it is asked of each run, not once for the claim."""
        of_a_run = (need for need in self.needs if need.fact or need.kind is RunRecord)
        return any(not need.of_arms for need in of_a_run)

    @property
    def is_about_numbers(self) -> bool:
        """Whether it looks at the difference: asked only of admissible claims."""
        return any(need.kind in NUMBERS for need in self.needs)

    @property
    def is_advice(self) -> bool:
        """Whether no verdict hangs on it: it cannot make a comparison invalid."""
        return self.severity is not Severity.ERROR and not self.is_about_numbers

    def wants(self, kind: type) -> bool:
        """Whether a parameter asks for this."""
        return any(need.kind is kind for need in self.needs)

    @property
    def summary(self) -> str:
        """One sentence: what it means when the rule fires."""
        return self._paragraphs[0]

    @property
    def sections(self) -> Mapping[str, str]:
        """The docstring's Why, Fix, Wrong when and Source."""
        split = (paragraph.partition(": ") for paragraph in self._paragraphs[1:])
        return {name: text for name, _, text in split if name in SECTIONS}

    @property
    def _paragraphs(self) -> list[str]:
        text = sys.modules[self.check.__module__].__doc__ or ""
        return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]


def rule(code: str, severity: Severity, *, preview: bool = False) -> Callable[[Check], Rule]:
    """Make a rule of a check; the rule is named after its file.

    A rule in preview is asked only by name, or where all of them are (`--preview`).

    The check's annotations say what it is given: `Code` is asked of each run, `Arms[Split]` of the
    claim; what `GIVEN` lists is there too. If a fact is missing the check is not called, unless it
    says `Split | Absent`.
    """

    def decorate(check: Check) -> Rule:
        name = check.__module__.rpartition(".")[2].replace("_", "-")
        hints = get_type_hints(check)
        hints.pop("return", None)
        needs = tuple(_need(name, parameter, hint) for parameter, hint in hints.items())
        made = Rule(name, code, severity, check, needs, is_preview=preview)
        if made.is_per_run and any(need.of_arms for need in needs):
            raise TypeError(f"rule {name} asks for a run and for both arms; it can ask for one.")
        return made

    return decorate


def _need(rule_name: str, parameter: str, hint: Any) -> Need:
    of_arms = get_origin(hint) is Arms
    inner = get_args(hint)[0] if of_arms else hint
    kinds = get_args(inner) if get_origin(inner) in (Union, UnionType) else (inner,)
    kind, *others = (kind for kind in kinds if kind is not Absent)
    if others or not (isinstance(kind, type) and (issubclass(kind, Fact) or kind in GIVEN)):
        raise TypeError(
            f"rule {rule_name}: parameter {parameter!r} asks for {hint}, which no rule is given. "
            f"Annotate it with a fact, Arms[...] of a fact, or one of: "
            f"{', '.join(known.__name__ for known in GIVEN)}."
        )
    return Need(parameter, kind, of_arms=of_arms, takes_absent=Absent in kinds)
