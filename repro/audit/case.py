"""Everything that rules may ask about one claim."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from repro.audit.configuration import Difference, differences
from repro.claims import Claim, Policy
from repro.facts.fact import Absent
from repro.record import Arms, RunRecord
from repro.stats.comparison import Comparison

NOT_COMPARED = Absent(reason="the arms were not compared", kind="not_applicable")


@dataclass(frozen=True)
class Rerun:
    """Two runs of one replicate in one arm: the newer one counts."""

    arm: str
    kept: RunRecord
    superseded: RunRecord


@dataclass(frozen=True)
class Reruns:
    """Every run that a newer one of the same replicate replaces."""

    pairs: tuple[Rerun, ...] = ()


@dataclass(frozen=True)
class Spoken:
    """Paths that the findings of other rules are about."""

    paths: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """One claim with its runs, as rules see it."""

    claim: Claim
    policy: Policy
    arms: Arms[RunRecord]
    reruns: Reruns = Reruns()
    spoken: Spoken = Spoken()
    comparison: Comparison | Absent = NOT_COMPARED

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Where the arms, or the runs of one arm, differ."""
        return differences(self.arms)

    def runs(self) -> Iterator[tuple[str, RunRecord]]:
        """Every run that counts, with the name of its arm."""
        for arm, records in self.arms.sides():
            yield from ((arm, record) for record in records)
