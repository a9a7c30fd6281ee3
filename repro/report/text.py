"""Judgements for people: the verdict, one table of differences, findings, numbers last."""

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from repro.audit.finding import NOT_SET, Evidence, Finding, Outcome
from repro.audit.judgement import Judgement, Row
from repro.audit.verdict import MET, Verdict
from repro.claims import Waiver
from repro.report.common_cause import CommonCause, common_causes
from repro.report.numbers import number_lines
from repro.report.shown import columns, document, shown_all

MAX_PATHS = 6  # of a list in one line
MAX_RUNS = 5
MAX_LINES = 10  # of the table, and of the evidence of one finding; JSON has all of them

# In the order of print.
STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "unknown": "bold magenta",
    "waived": "yellow",
    "passed": "green",
}
UNADVISED = {
    Outcome.NOT_APPLICABLE: "advice that does not apply",
    Outcome.UNKNOWN: "no advice, for want of facts",
}
PLURAL = {"error": "errors", "warning": "warnings", "note": "notes"}


def render(judgements: Sequence[Judgement]) -> Text:
    """All judgements, one after the other."""
    blocks = [[*judgement_lines(judgement), Text()] for judgement in judgements]
    return document([line for block in blocks for line in block])


def judgement_lines(judgement: Judgement) -> Iterator[Text]:
    """One judgement, line by line."""
    yield _head(judgement)
    parts = (
        _table(judgement.differences),
        _findings(judgement.findings),
        _remarks(judgement),
        number_lines(judgement),
    )
    for part in parts:
        lines = list(part)
        if lines:
            yield from (Text(), *lines)


def _head(judgement: Judgement) -> Text:
    """Name, verdict, and what came of the rules; what is zero is left out."""
    words = [_word(finding) for finding in judgement.findings]
    counts = [(words.count(word), word) for word in STYLES]
    parts = [
        Text(f"{n} {PLURAL.get(word, word) if n > 1 else word}", STYLES[word])
        for n, word in counts
        if n
    ]
    verdict = Text(judgement.verdict.value, _verdict_style(judgement))
    return Text("    ").join([Text(judgement.claim.name), verdict, Text(" - ").join(parts)])


def _word(finding: Finding) -> str:
    """What a finding is called in print; empty for a rule that does not apply.

    And for advice that could not be given: no verdict hangs on it, so that it is one remark.
    """
    if finding.outcome is Outcome.FAIL:
        return finding.severity.value
    if finding.outcome is Outcome.UNKNOWN and finding.is_advice:
        return ""
    words = {Outcome.UNKNOWN: "unknown", Outcome.WAIVED: "waived", Outcome.PASS: "passed"}
    return words.get(finding.outcome, "")


def _verdict_style(judgement: Judgement) -> str:
    if judgement.verdict is MET[judgement.claim.goal]:
        return "bold green"
    styles = {
        Verdict.INVALID: "bold white on red",
        Verdict.UNPROVEN: "bold white on magenta",
        Verdict.INCONCLUSIVE: "bold yellow",
    }
    return styles.get(judgement.verdict, "bold red")


def _table(rows: Sequence[Row]) -> Iterator[Text]:
    """What differs, whether it was declared, and which rule speaks about it."""
    shown = [row for row in rows if not row.is_consequence]
    if not shown:
        return
    one_sided = [row for row in shown if row.declared and _is_one_sided(row)]
    declared = [row for row in shown if row.declared and not _is_one_sided(row)]
    others = [row for row in shown if not row.declared]
    head = [Text(name, "bold") for name in ("differs", "baseline", "candidate", "declared")]
    listed = (*declared[:MAX_LINES], *others[:MAX_LINES])
    yield from columns([head, *(_table_row(row) for row in listed)])
    for kind, group in (("declared", declared), ("not declared", others)):
        if len(group) > MAX_LINES:
            yield Text(f"  and {len(group) - MAX_LINES} more, {kind}", "dim")
    yield from _listed("declared, in one arm only", [row.path for row in one_sided])
    yield from _listed("follows from these", [row.path for row in rows if row.is_consequence])


def _is_one_sided(row: Row) -> bool:
    """Whether only one arm has the value: the setting of an optimizer that the other lacks."""
    return (NOT_SET,) in (row.baseline, row.candidate)


def _listed(title: str, paths: Sequence[str]) -> Iterator[Text]:
    if paths:
        n_more = len(paths) - MAX_PATHS
        more = f" and {n_more} more" if n_more > 0 else ""
        yield Text(f"  {title}: {', '.join(paths[:MAX_PATHS])}{more}", "dim")


def _table_row(row: Row) -> list[Text]:
    cells = (row.path, shown_all(row.baseline), shown_all(row.candidate), row.declared or "no")
    owner = Text(f"<- {row.rule}", "bold") if row.rule else Text()
    return [*map(Text, cells), owner]


def _findings(findings: Iterable[Finding]) -> Iterator[Text]:
    """Every finding with its evidence and its fix, the worst first."""
    order = [word for word in STYLES if word != "passed"]
    found = [finding for finding in findings if _word(finding) in order]
    found.sort(key=lambda finding: order.index(_word(finding)))
    causes = list(common_causes(found))
    found = [one for one in found if not any(one in cause.findings for cause in causes)]
    titles = [f"{finding.rule} ({finding.code})" for finding in found]
    width = max(map(len, titles), default=0)
    for finding, title in zip(found, titles, strict=True):
        line = Text("  ")
        line.append(f"{_word(finding):<9}", STYLES[_word(finding)])
        yield line.append(f"{title:<{width}}  {finding.message}")
        for label, text in _details(finding):
            yield Text(f"{'':<11}{label:<8}  {text}")
    for cause in causes:
        line = Text("  ").append(f"{'unknown':<9}", STYLES["unknown"])
        yield line.append(f"{len(cause.rules)} rules  {cause.reason}")
        for label, text in _causes_details(cause):
            yield Text(f"{'':<11}{label:<8}  {text}")


def _causes_details(cause: CommonCause) -> Iterator[tuple[str, str]]:
    yield "rules", ", ".join(cause.rules)
    yield "missing", ", ".join(cause.missing)
    if cause.runs:
        yield "runs", _runs(cause.runs)
    for at, fix in enumerate(cause.fixes):
        yield "" if at else "fix", fix


def _runs(runs: Sequence[str]) -> str:
    n_more = len(runs) - MAX_RUNS
    more = f" and {n_more} more" if n_more > 0 else ""
    return ", ".join(run[:8] for run in runs[:MAX_RUNS]) + more


def _details(finding: Finding) -> Iterator[tuple[str, str]]:
    """Evidence, runs, fix and waiver, each with its label."""
    quoted = finding.evidence[:MAX_LINES]
    width = max((len(evidence.path) for evidence in quoted), default=0)
    for at, evidence in enumerate(quoted):
        yield "" if at else "evidence", f"{evidence.path:<{width}}  {_values(evidence)}"
    if len(finding.evidence) > MAX_LINES:
        yield "", f"and {len(finding.evidence) - MAX_LINES} more"
    if finding.runs:
        yield "runs", f"{_runs(finding.runs)} ({' and '.join(finding.arms)})"
    if finding.fix:
        yield "fix", finding.fix
    if finding.waiver:
        yield "waived", _waiver(finding.waiver)


def _values(evidence: Evidence) -> str:
    """Both arms, or the one that the finding is about."""
    sides = (evidence.baseline, evidence.candidate)
    return " | ".join(shown_all(values) for values in sides if values)


def _not_applicable(findings: Sequence[Finding]) -> Iterator[Text]:
    """Rules that had nothing to look at, in a line for each reason."""
    reasons: dict[str | None, list[str]] = {}
    for one in findings:
        if one.outcome is Outcome.NOT_APPLICABLE and not one.is_advice:
            reasons.setdefault(one.message, []).append(f"{one.rule} ({one.code})")
    for reason, names in reasons.items():
        yield Text(f"  does not apply  {', '.join(dict.fromkeys(names))}: {reason}", "dim")


def _unadvised(findings: Sequence[Finding]) -> Iterator[Text]:
    """Rules that only advise and had nothing to go by, in a line for each reason."""
    for outcome, title in UNADVISED.items():
        found = [one for one in findings if one.is_advice and one.outcome is outcome]
        if found:
            names = dict.fromkeys(f"{one.rule} ({one.code})" for one in found)
            yield Text(f"  {title}: {', '.join(names)}", "dim")


def _waiver(waiver: Waiver) -> str:
    return f"until {waiver.expires} by {waiver.owner}: {waiver.reason}"


def _remarks(judgement: Judgement) -> Iterator[Text]:
    """What was not asked, not counted, not paired, or not in force."""
    yield from _not_applicable(judgement.findings)
    yield from _unadvised(judgement.findings)
    if judgement.not_asked:
        yield Text(f"  not asked, by the policy: {', '.join(judgement.not_asked)}", "yellow")
    if judgement.in_preview:
        n = len(judgement.in_preview)
        yield Text(f"  not asked: {n} rules in preview (repro audit --preview)", "dim")
    alone = [
        f"{run.arm} {run.run_id[:8]} ({run.replicate})"
        for run in judgement.runs
        if not run.is_paired
    ]
    if alone:
        yield Text(f"  without a counterpart: {', '.join(alone)}", "yellow")
    for rerun in judgement.superseded:
        old, new = rerun.superseded.run_id[:8], rerun.kept.run_id[:8]
        yield Text(f"  not counted: {rerun.arm} {old}, replaced by {new} ({rerun.kept.replicate})")
    for waiver in judgement.expired_waivers:
        yield Text(
            f"  waiver of {waiver.rule} ({waiver.scope}) expired on {waiver.expires}", "yellow"
        )
    for waiver in judgement.unused_waivers:
        yield Text(f"  waiver of {waiver.rule} ({waiver.scope}) waives nothing here", "yellow")
