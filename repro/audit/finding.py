"""What a rule found, with evidence that is looked up in the records."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from repro.audit.rule import Severity
from repro.claims import Waiver
from repro.facts.fact import Absent, Fact, Scalar
from repro.record import RunRecord

NOT_APPLICABLE = "not applicable"
NOT_RECORDED = "not recorded"
NOT_SET = "not set"


class Outcome(StrEnum):
    """What came of asking a rule."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    WAIVED = "WAIVED"


class Evidence(BaseModel):
    """The distinct values that the runs of both arms recorded at one path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    baseline: tuple[Scalar, ...]
    candidate: tuple[Scalar, ...]


class Finding(BaseModel):
    """The outcome of one rule for a claim, or for some of its runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    code: str
    outcome: Outcome
    severity: Severity
    message: str | None = None  # None: the rule passed
    fix: str | None = None
    evidence: tuple[Evidence, ...] = ()
    consequences: tuple[str, ...] = ()  # paths that differ because of it
    arms: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()  # ids; none: the claim as a whole
    waiver: Waiver | None = None
    is_advice: bool = False  # of a rule that no verdict hangs on

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that it is about."""
        return (*(evidence.path for evidence in self.evidence), *self.consequences)


def evidence_at(path: str, runs: Iterable[tuple[str, RunRecord]]) -> Evidence:
    """What these runs, each with its arm, recorded at a path."""
    values: dict[str, list[Scalar]] = {"baseline": [], "candidate": []}
    for arm, record in runs:
        values[arm].append(quote(record, path))
    return Evidence(
        path=path, baseline=_distinct(values["baseline"]), candidate=_distinct(values["candidate"])
    )


def quote(record: RunRecord, path: str) -> Scalar:
    """The recorded value, or in words why there is none; for a whole fact, its first value."""
    if path in record.flat:
        return record.flat[path]
    key = path.partition(".")[0]
    fact = record.facts.get(key)
    if isinstance(fact, Absent) and fact.kind == "not_applicable":
        return NOT_APPLICABLE
    if not isinstance(fact, Fact):
        return NOT_RECORDED
    if path == key:
        return f"{next(iter(fact.flat().values()), '')} ..."
    return NOT_SET


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that say the same about several runs, as one."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        same = finding.model_dump(exclude={"evidence", "arms", "runs"})
        groups.setdefault((repr(same), finding.paths), []).append(finding)
    return tuple(_merged(group) for group in groups.values())


def _merged(group: Sequence[Finding]) -> Finding:
    evidence = tuple(
        Evidence(
            path=quotes[0].path,
            baseline=_distinct([value for quote in quotes for value in quote.baseline]),
            candidate=_distinct([value for quote in quotes for value in quote.candidate]),
        )
        for quotes in zip(*(finding.evidence for finding in group), strict=True)
    )
    return group[0].model_copy(
        update={
            "evidence": evidence,
            "arms": tuple(dict.fromkeys(arm for finding in group for arm in finding.arms)),
            "runs": tuple(dict.fromkeys(run for finding in group for run in finding.runs)),
        }
    )


def _distinct(values: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """Each value once, in order; True is not 1."""
    return tuple({repr(value): value for value in values}.values())
