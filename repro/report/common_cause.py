"""Unknown findings with one cause: told once, not rule by rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repro.audit.finding import Finding, Outcome
from repro.audit.unrecorded import HOW_TO_RECORD, TRACKED

FEW = 4  # fewer are told one by one
WHOLE = {HOW_TO_RECORD["integrity"], TRACKED}  # these record every other fact, too


@dataclass(frozen=True)
class CommonCause:
    """Why several rules could not be asked."""

    reason: str
    findings: tuple[Finding, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """Which they are."""
        return tuple(dict.fromkeys(f"{one.rule} ({one.code})" for one in self.findings))

    @property
    def missing(self) -> tuple[str, ...]:
        """The facts that they need."""
        paths = {evidence.path for one in self.findings for evidence in one.evidence}
        return tuple(sorted(paths))

    @property
    def fixes(self) -> tuple[str, ...]:
        """What records these facts; of a run that was not tracked at all, that alone."""
        found = tuple(dict.fromkeys(one.fix for one in self.findings if one.fix))
        return tuple(fix for fix in found if fix in WHOLE) or found

    @property
    def runs(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(dict.fromkeys(run for one in self.findings for run in one.runs))


def common_causes(findings: Sequence[Finding]) -> Iterator[CommonCause]:
    """The causes that several unknown findings share: facts that are missing for one reason."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        is_missing = all("." not in evidence.path for evidence in one.evidence)
        _, colon, reason = (one.message or "").partition(": ")
        if one.outcome is Outcome.UNKNOWN and one.evidence and is_missing and colon:
            groups.setdefault(reason, []).append(one)
    for reason, group in groups.items():
        if len(group) >= FEW:
            yield CommonCause(reason, tuple(group))
