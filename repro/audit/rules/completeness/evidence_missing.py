"""A run has no record, or a part of it could not be observed: what rests on that cannot be told.

Why: every rule that needs the missing evidence stays silent for one cause, which is best told once
and first.

Fix: run it again inside `repro.tracked_run`. For a baseline that cannot be run again, a waiver says
who answers for it: [[waive]] rule = "evidence-missing", scope = "run:<id>", and one for each rule
that stays unknown.

Wrong when: what is missing does not apply to the run; an observer that says so is no gap.

Source: the record's own reasons. It is unknown, not wrong; in the profile "release" it is an error.
"""

from collections.abc import Iterator

from repro.audit.example import example_record
from repro.audit.rule import Answer, Severity, Unknown, Violation, rule
from repro.audit.unrecorded import look_up
from repro.claims import EXAMPLE_POLICY, Policy
from repro.facts import fact_types
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment
from repro.facts.fact import Absent, Opaque
from repro.facts.hardware import Hardware
from repro.record import RunRecord

ALWAYS = (Code, Determinism, Environment, Hardware)  # observed of every run that has a record
WAIVER = '[[waive]] rule = "evidence-missing", scope = "run:{run}"'


@rule("CMP006", Severity.ERROR, preview=True)
def check(policy: Policy, run: RunRecord) -> Iterator[Answer]:
    """The run has a record, and every observer did its work."""
    gaps = {
        key: fact
        for key, kind in fact_types().items()
        if isinstance(fact := look_up(run, kind), Absent) and _is_gap(fact, run.facts.get(key))
    }
    if all(kind.key() in gaps for kind in ALWAYS):
        yield _answer(policy, run, f"the run has no record: {gaps['code'].reason}", tuple(gaps))
        return
    failed = tuple(key for key in gaps if not _is_optional(run, key))
    if failed:
        reasons = "; ".join(dict.fromkeys(gaps[key].reason for key in failed))
        yield _answer(policy, run, f"{', '.join(failed)} could not be observed: {reasons}", failed)


def _is_gap(found: Absent, stored: object) -> bool:
    return found.kind != "not_applicable" or isinstance(stored, Opaque)


def _is_optional(run: RunRecord, key: str) -> bool:
    """Whether the script never asked for it: each rule tells which call is missing."""
    stored = run.facts.get(key)
    return stored is None or (isinstance(stored, Absent) and stored.kind == "not_recorded")


def _answer(policy: Policy, run: RunRecord, message: str, keys: tuple[str, ...]) -> Answer:
    fix = f"run it again inside repro.tracked_run, or {WAIVER.format(run=run.run_id[:8])}"
    if policy.profile == "release":
        return Violation(message, fix, points=("outcome.status",))
    return Unknown(message, fix, points=keys)


_FAILED = Absent(reason="OSError: no such device", kind="failed")
_RELEASE = EXAMPLE_POLICY.model_copy(update={"profile": "release"})
BAD = {"policy": _RELEASE, "run": example_record(hardware=_FAILED)}
GOOD = {"policy": _RELEASE, "run": example_record()}
