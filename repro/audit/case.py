"""Everything that rules may ask about one claim."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from repro.audit.configuration import Difference, differences
from repro.audit.ledger import Ledger
from repro.claims import Claim, Guard, Policy
from repro.facts.fact import Absent
from repro.record import Arms, RunRecord
from repro.stats.comparison import ALPHA, Comparison
from repro.stats.decision import GuardOutcome

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
    advised: frozenset[str] = frozenset()  # by warnings of rules that no verdict hangs on


@dataclass(frozen=True)
class GuardResult:
    """A guard metric: whether it is shown not to regress."""

    guard: Guard
    outcome: GuardOutcome
    comparison: Comparison | None  # None: too few replicates


@dataclass(frozen=True)
class Guards:
    """What came of every guard of the claim."""

    results: tuple[GuardResult, ...] = ()


@dataclass(frozen=True)
class EvaluationNoise:
    """How far the difference could be from that on all rows of such data, for one trained pair.

    None of it if no run kept what each row scored, and the metric is no share of rows.
    """

    standard_error: float | None = None
    n_rows: int | None = None
    is_paired: bool = False  # from the scores of each row in both arms, not from the shares alone


@dataclass(frozen=True)
class Case:
    """One claim with its runs, as rules see it."""

    claim: Claim
    policy: Policy
    arms: Arms[RunRecord]
    reruns: Reruns = Reruns()
    spoken: Spoken = Spoken()
    comparison: Comparison | Absent = NOT_COMPARED
    ledger: Ledger = field(default_factory=Ledger)
    guards: Guards = Guards()
    noise: EvaluationNoise = EvaluationNoise()
    alpha: float = ALPHA

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Where the arms, or the runs of one arm, differ."""
        return differences(self.arms)

    def runs(self) -> Iterator[tuple[str, RunRecord]]:
        """Every run that counts, with the name of its arm."""
        for arm, records in self.arms.sides():
            yield from ((arm, record) for record in records)
