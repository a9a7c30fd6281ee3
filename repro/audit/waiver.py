"""Findings that somebody answers for."""

from collections.abc import Iterable, Sequence
from datetime import date

from repro.audit.finding import Finding, Outcome
from repro.claims import Waiver


def in_force(waivers: Iterable[Waiver], today: date) -> tuple[Waiver, ...]:
    """Those that have not expired."""
    return tuple(waiver for waiver in waivers if today <= waiver.expires)


def waive(
    findings: Iterable[Finding], waivers: Sequence[Waiver], *, claim: str
) -> tuple[Finding, ...]:
    """The findings, those that a waiver covers with the outcome WAIVED."""
    return tuple(_waived(finding, waivers, claim) for finding in findings)


def unused(waivers: Iterable[Waiver], findings: Iterable[Finding]) -> tuple[Waiver, ...]:
    """Those that waived none of these findings: their reason is gone, or they never fitted."""
    used = [finding.waiver for finding in findings]
    return tuple(waiver for waiver in waivers if waiver not in used)


def covers(waiver: Waiver, finding: Finding, claim: str) -> bool:
    """Whether it is this rule, and every run or arm that the finding is about.

    A finding about the claim as a whole is covered by the scope `claim:` only.
    """
    if waiver.rule not in (finding.rule, finding.code):
        return False
    kind, _, name = waiver.scope.partition(":")
    if kind == "claim":
        return name == claim
    about = finding.runs if kind == "run" else finding.arms
    return bool(about) and all(item.startswith(name) for item in about)


def _waived(finding: Finding, waivers: Sequence[Waiver], claim: str) -> Finding:
    if finding.outcome not in (Outcome.FAIL, Outcome.UNKNOWN):
        return finding
    found = next((waiver for waiver in waivers if covers(waiver, finding, claim)), None)
    if found is None:
        return finding
    return finding.model_copy(update={"outcome": Outcome.WAIVED, "waiver": found})
