"""From findings to a verdict, and from a verdict to an exit code."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from repro.audit.finding import Finding, Outcome
from repro.audit.rule import Severity
from repro.claims import Goal

EXIT_ORDER = (2, 1, 3, 4, 0)  # worst first


class Verdict(StrEnum):
    """What a claim turned out to be."""

    INVALID = "INVALID"
    UNPROVEN = "UNPROVEN"
    BETTER = "BETTER"
    WORSE = "WORSE"
    NO_REGRESSION = "NO_REGRESSION"
    EQUIVALENT = "EQUIVALENT"
    INCONCLUSIVE = "INCONCLUSIVE"


MET: Mapping[Goal, Verdict] = {
    "improve": Verdict.BETTER,
    "no-regression": Verdict.NO_REGRESSION,
    "equivalent": Verdict.EQUIVALENT,
}


def admissibility(findings: Iterable[Finding]) -> Verdict | None:
    """INVALID or UNPROVEN by the rules that are errors; None: the numbers may be looked at."""
    outcomes = {found.outcome for found in findings if found.severity is Severity.ERROR}
    if Outcome.FAIL in outcomes:
        return Verdict.INVALID
    return Verdict.UNPROVEN if Outcome.UNKNOWN in outcomes else None


def exit_code(goal: Goal, verdict: Verdict) -> int:
    """0 the goal is met, 1 invalid or refuted, 3 unproven, 4 inconclusive."""
    if verdict is MET[goal]:
        return 0
    return {Verdict.UNPROVEN: 3, Verdict.INCONCLUSIVE: 4}.get(verdict, 1)


def strict(code: int) -> int:
    """The exit code where unproven and inconclusive count as refuted."""
    return 1 if code in (3, 4) else code


def worst(codes: Iterable[int]) -> int:
    """The exit code of several claims."""
    return min(codes, key=EXIT_ORDER.index, default=0)
