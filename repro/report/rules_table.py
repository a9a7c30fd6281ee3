"""The catalogue of rules as a Markdown table."""

from collections.abc import Iterable

from repro.audit.rule import Rule


def rules_table(rules: Iterable[Rule]) -> str:
    """Name, code, worst severity and meaning of each rule."""
    rows = [("rule", "code", "severity", "it fires when"), ("---",) * 4]
    rows += [
        (f"`{rule.name}`", rule.code, rule.severity.value, rule.summary.replace("|", r"\\|"))
        for rule in rules
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
