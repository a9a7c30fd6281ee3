"""What a claim turned out to be, and everything that it rests on."""

from dataclasses import dataclass
from typing import Literal

from repro.audit.case import GuardResult, Rerun
from repro.audit.finding import Finding
from repro.audit.verdict import Verdict, exit_code
from repro.claims import Claim, Waiver
from repro.facts.fact import Scalar
from repro.record import Replicate
from repro.stats.comparison import Comparison


@dataclass(frozen=True)
class Row:
    """One line of the table of differences."""

    path: str
    baseline: tuple[Scalar, ...]  # distinct values
    candidate: tuple[Scalar, ...]
    declared: Literal["treatment", "nuisance"] | None
    rule: str | None  # name of the rule that speaks about it
    is_consequence: bool  # it follows from another row of that rule


@dataclass(frozen=True)
class ArmRun:
    """A run that counts."""

    arm: str
    run_id: str
    name: str
    replicate: Replicate
    is_paired: bool


@dataclass(frozen=True)
class Judgement:
    """The verdict on one claim. There are no numbers in it unless the claim is admissible."""

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]  # every rule that was asked, whatever its outcome
    differences: tuple[Row, ...]
    runs: tuple[ArmRun, ...]
    superseded: tuple[Rerun, ...]
    not_asked: tuple[str, ...]  # names of rules that the policy leaves out
    in_preview: tuple[str, ...]  # names of rules that are asked only on demand, and were not
    unused_waivers: tuple[Waiver, ...]
    expired_waivers: tuple[Waiver, ...]
    comparison: Comparison | None = None
    guards: tuple[GuardResult, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 the goal is met, 1 invalid or refuted, 3 unproven, 4 inconclusive."""
        return exit_code(self.claim.goal, self.verdict)
