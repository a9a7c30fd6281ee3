"""Ask rules about a case."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from repro.audit.case import Case, EvaluationNoise, Guards, Reruns, Spoken
from repro.audit.configuration import matches
from repro.audit.finding import Finding, Outcome, evidence_at
from repro.audit.ledger import Ledger
from repro.audit.rule import Answer, Need, NotApplicable, Rule, Severity, Unknown, Violation
from repro.audit.unrecorded import look_up, unrecorded
from repro.claims import Claim, Policy
from repro.facts.fact import Absent
from repro.record import RunRecord
from repro.stats.comparison import Comparison

Runs = Sequence[tuple[str, RunRecord]]  # each with the name of its arm

LOUD = (Outcome.FAIL, Outcome.UNKNOWN)


def audit(case: Case, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """What every rule says, in the order of the rules; each run's findings on their own."""
    ordered = list(rules)
    first = {rule: examine(rule, case) for rule in ordered if not rule.wants(Spoken)}
    spoken = {path for group in first.values() for found in group for path in _spoken(found)}
    advised = {path for group in first.values() for found in group for path in _advised(found)}
    heard = replace(case, spoken=Spoken(frozenset(spoken), frozenset(advised)))
    return tuple(found for rule in ordered for found in first.get(rule) or examine(rule, heard))


def _spoken(found: Finding) -> tuple[str, ...]:
    """The differences that a finding answers for.

    Advice answers for none, or a note would hide an undeclared difference; nor does what is wrong
    inside single runs, whatever the other arm holds.
    """
    is_of_runs = found.outcome is Outcome.FAIL and bool(found.runs)
    return () if found.outcome not in LOUD or found.is_advice or is_of_runs else found.paths


def _advised(found: Finding) -> tuple[str, ...]:
    """The differences that advice warns of: one that is itself but a warning is not told twice."""
    is_loud = found.outcome is Outcome.FAIL and found.severity is Severity.WARNING
    return found.paths if is_loud and found.is_advice and not found.runs else ()


def examine(rule: Rule, case: Case) -> tuple[Finding, ...]:
    """What one rule says: its findings, or a single PASS or NOT_APPLICABLE."""
    runs = tuple(case.runs())
    groups = [(run,) for run in runs] if rule.is_per_run else [runs]
    found = [finding for group in groups for finding in _ask(rule, case, group)]
    loud = tuple(finding for finding in found if finding.outcome in LOUD)
    passed = [finding for finding in found if finding.outcome is Outcome.PASS]
    return loud or tuple((passed or found)[:1])


def _ask(rule: Rule, case: Case, runs: Runs) -> Iterator[Finding]:
    """One call of the check; none if something that it needs is missing."""
    gaps = _gaps(rule, runs)
    unknown = {gap: where for gap, where in gaps.items() if isinstance(gap, Unknown)}
    for gap, where in unknown.items():
        yield _finding(rule, case, gap, where, is_named=True)
    if unknown:
        return
    if isinstance(case.comparison, Absent) and any(
        need.kind is Comparison and not need.takes_absent for need in rule.needs
    ):
        gaps = {NotApplicable(case.comparison.reason): runs}
    given = {need.parameter: _given(need, case, runs) for need in rule.needs}
    answers: Sequence[Answer] = list(gaps)[:1] or list(rule.check(**given))
    for answer in answers:
        yield _finding(rule, case, answer, runs, is_named=rule.is_per_run)
    if not answers:
        yield _outcome(rule, Outcome.PASS)


def _gaps(rule: Rule, runs: Runs) -> dict[Unknown | NotApplicable, Runs]:
    """What the rule needs and these runs do not have, each with the runs that it is about."""
    gaps: dict[Unknown | NotApplicable, Runs] = {}
    facts = [need.fact for need in rule.needs if need.fact and not need.takes_absent]
    for fact, run in product(facts, runs):
        found = look_up(run[1], fact)
        if isinstance(found, Absent):
            answer = unrecorded(fact.key(), found)
            gaps[answer] = (*gaps.get(answer, ()), run)
    return gaps


def _given(need: Need, case: Case, runs: Runs) -> object:
    """What one parameter of the check is given."""
    if need.fact or need.kind is RunRecord:
        values = [look_up(run, need.fact) if need.fact else run for _, run in runs]
        n_baseline = len(case.arms.baseline)
        if need.of_arms:
            return case.arms.with_values(values[:n_baseline], values[n_baseline:])
        return values[0]
    offered = {
        Claim: case.claim,
        Policy: case.policy,
        Reruns: case.reruns,
        Spoken: case.spoken,
        Ledger: case.ledger,
        Guards: case.guards,
        EvaluationNoise: case.noise,
        Comparison: case.comparison,
    }
    return offered[need.kind]


def _finding(rule: Rule, case: Case, answer: Answer, runs: Runs, *, is_named: bool) -> Finding:
    """An answer with its evidence; `is_named`: it is about these runs, not about the claim."""
    if isinstance(answer, NotApplicable):
        return _outcome(rule, Outcome.NOT_APPLICABLE, answer.reason)
    severity = answer.severity or rule.severity
    if severity.is_worse_than(rule.severity):
        raise ValueError(f"rule {rule.name} declares {rule.severity} and answers with {severity}.")
    return Finding(
        rule=rule.name,
        code=rule.code,
        outcome=Outcome.FAIL if isinstance(answer, Violation) else Outcome.UNKNOWN,
        severity=severity,
        message=answer.message,
        fix=answer.fix,
        evidence=tuple(evidence_at(path, runs) for path in answer.points),
        consequences=_consequences(answer, case),
        arms=tuple(dict.fromkeys(arm for arm, _ in runs)) if is_named else (),
        runs=tuple(record.run_id for _, record in runs) if is_named else (),
        is_advice=rule.is_advice,
    )


def _outcome(rule: Rule, outcome: Outcome, message: str | None = None) -> Finding:
    return Finding(
        rule=rule.name,
        code=rule.code,
        outcome=outcome,
        severity=rule.severity,
        message=message,
        is_advice=rule.is_advice,
    )


def _consequences(answer: Violation | Unknown, case: Case) -> tuple[str, ...]:
    """The paths that differ and that the answer's globs mean, its points aside."""
    paths = (found.path for found in case.differences if found.path not in answer.points)
    return tuple(path for path in paths if matches(path, answer.consequences))
