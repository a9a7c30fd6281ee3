"""Judge a claim: load its runs, ask the rules, look at numbers only if they may be looked at."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from repro.arms import gather
from repro.audit.case import Case, Guards
from repro.audit.catalogue import enabled_rules, every_rule, rule_in
from repro.audit.engine import audit
from repro.audit.finding import NOT_SET, Finding, Outcome, evidence_at, fold
from repro.audit.judgement import ArmRun, Judgement, Row
from repro.audit.room import refuse_vacuous_margins
from repro.audit.rule import Rule, Severity
from repro.audit.scored_arms import compared, decided, guard_results
from repro.audit.verdict import admissibility
from repro.audit.waiver import in_force, unused, waive
from repro.claims import Claim, Policy, Waiver
from repro.evaluation_noise import evaluation_noise
from repro.facts.fact import Absent
from repro.facts.reachability import Reachability
from repro.history import History
from repro.launched import ledger_of
from repro.observe.reachability import at_judgement
from repro.record import RunRecord
from repro.stats.comparison import ALPHA
from repro.stats.sequential import confidence_at

SILENT = (Outcome.PASS, Outcome.NOT_APPLICABLE)


def judge(
    claim: Claim,
    history: History,
    policy: Policy,
    *,
    today: date | None = None,
    alpha: float | None = None,
) -> Judgement:
    """The verdict on a claim, with everything that it rests on.

    Parameters
    ----------
    claim : what is claimed
    history : where the runs are
    policy : which rules are asked, and what is waived
    today : the day that waivers must reach; by default today
    alpha : of the gates; by default .05, or what the claim's looks leave to this one

    Raises
    ------
    UnknownRun
        An arm has no run.
    UnknownRule
        The policy selects, ignores or waives a rule that does not exist.
    UsageError
        A run stands on both sides, or there is no merge base to find runs at.
    ConfigurationError
        A margin is so wide that no scores could refute the claim.
    """
    rules = enabled_rules(policy)
    for waiver in policy.waivers:
        rule_in(policy, waiver.rule)  # refuses one that names no rule
    case = _complete(gather(claim, history, policy), history)
    reaching = tuple(waiver for waiver in policy.waivers if _reaches(waiver, case))
    waivers = in_force(reaching, today or datetime.now(UTC).date())
    findings = _ask(case, [rule for rule in rules if not rule.is_about_numbers], waivers)
    findings += waive(_left_out(rules), waivers, claim=claim.name)
    verdict = admissibility(findings)
    if verdict is None:
        case = _with_numbers(case, history, alpha)
        findings += _ask(case, [rule for rule in rules if rule.is_about_numbers], waivers)
        verdict = decided(claim, case.comparison, case.guards.results)
    return Judgement(
        claim=claim,
        verdict=verdict,
        findings=_in_order(findings),
        differences=_rows(case, findings),
        runs=tuple(_arm_runs(case)),
        superseded=case.reruns.pairs,
        not_asked=tuple(rule.name for rule in every_rule() if _is_left_out(rule, rules)),
        in_preview=tuple(
            rule.name for rule in every_rule() if rule.is_preview and rule not in rules
        ),
        unused_waivers=unused(waivers, findings),
        expired_waivers=tuple(waiver for waiver in reaching if waiver not in waivers),
        comparison=None if isinstance(case.comparison, Absent) else case.comparison,
        guards=case.guards.results,
    )


def _complete(case: Case, history: History) -> Case:
    """The case with what only the experiment and the clone know."""
    located = _located(case.arms.every(), case.policy)
    n_baseline = len(case.arms.baseline)
    return replace(
        case,
        arms=case.arms.with_values(located[:n_baseline], located[n_baseline:]),
        ledger=ledger_of(case, history),
    )


def _located(runs: Sequence[RunRecord], policy: Policy) -> Sequence[RunRecord]:
    """The runs with what the clone knows of their commits."""
    key = Reachability.key()
    if all(key in run.facts for run in runs):
        return runs
    found = at_judgement(runs, policy.root)
    return [
        run if key in run.facts else replace(run, facts={**run.facts, key: fact})
        for run, fact in zip(runs, found, strict=True)
    ]


def _with_numbers(case: Case, history: History, alpha: float | None) -> Case:
    """The case of an admissible claim with its scores compared, at a declared look if any is.

    Where no alpha is given, a look may spend its part of the 5 %.
    """
    claim, looks = case.claim, case.claim.looks
    found = compared(case, claim.metric, claim.direction)
    n = 0 if isinstance(found, Absent) else found.n_replicates
    if looks and n not in looks:
        listed = ", ".join(map(str, looks))
        reason = f"{n} replicates are no declared look; the claim says {listed}"
        return replace(case, comparison=Absent(reason=reason, kind="not_applicable"))
    alpha = alpha or (1 - confidence_at(n, looks, ALPHA) if looks else ALPHA)
    at_level = replace(case, alpha=alpha)
    with_numbers = replace(
        at_level,
        comparison=found if isinstance(found, Absent) else replace(found, alpha=alpha),
        guards=Guards(tuple(guard_results(at_level))),
        noise=evaluation_noise(case.arms, claim.metric, history),
    )
    refuse_vacuous_margins(with_numbers)
    return with_numbers


def _reaches(waiver: Waiver, case: Case) -> bool:
    """Whether a waiver could cover a finding of this claim at all."""
    kind, _, name = waiver.scope.partition(":")
    if kind == "claim":
        return name == case.claim.name
    return kind == "arm" or any(record.run_id.startswith(name) for _, record in case.runs())


def _ask(case: Case, rules: Iterable[Rule], waivers: Sequence[Waiver]) -> tuple[Finding, ...]:
    return fold(waive(audit(case, rules), waivers, claim=case.claim.name))


def _is_left_out(rule: Rule, asked: Collection[Rule]) -> bool:
    """Whether a policy leaves out a rule that is asked by default."""
    return rule not in asked and not rule.is_preview


def _left_out(rules: Collection[Rule]) -> Iterator[Finding]:
    """Errors that the policy does not ask for are unknown: only waivers have owners."""
    for rule in every_rule():
        if _is_left_out(rule, rules) and rule.severity is Severity.ERROR:
            yield Finding(
                rule=rule.name,
                code=rule.code,
                outcome=Outcome.UNKNOWN,
                severity=rule.severity,
                message="the policy leaves this rule out, so that what it would find is unknown",
                fix="ask it; or let it find, and waive that, with a reason and an owner",
            )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    codes = [rule.code for rule in every_rule()]
    return tuple(sorted(findings, key=lambda finding: codes.index(finding.code)))


def _rows(case: Case, findings: Iterable[Finding]) -> tuple[Row, ...]:
    """The table of differences: the declared ones first, then those that a rule speaks about."""
    loud = [found for found in findings if found.outcome not in SILENT]
    rows = []
    for difference in case.differences:
        values = evidence_at(difference.path, case.runs())
        speaker = next((found for found in loud if difference.path in found.paths), None)
        rows.append(
            Row(
                path=difference.path,
                baseline=values.baseline,
                candidate=values.candidate,
                declared=difference.declared_as(case.claim),
                rule=speaker.rule if speaker else None,
                is_consequence=speaker is not None and difference.path in speaker.consequences,
            )
        )
    return tuple(sorted(rows, key=_row_order))


def _row_order(row: Row) -> tuple[int, bool, str]:
    """Declared first; what only one side has after what both have."""
    is_one_sided = NOT_SET in (*row.baseline, *row.candidate)
    return ("treatment", "nuisance", None).index(row.declared), is_one_sided, row.path


def _arm_runs(case: Case) -> Iterator[ArmRun]:
    paired = {
        "baseline": {at for at, _ in case.arms.pairs},
        "candidate": {at for _, at in case.arms.pairs},
    }
    for arm, records in case.arms.sides():
        for at, record in enumerate(records):
            is_paired = at in paired[arm]
            yield ArmRun(arm, record.run_id, record.name, record.replicate, is_paired=is_paired)
