"""The catalogue of rules as a table."""

import json
from collections.abc import Iterable

from rich.text import Text

from repro.audit.rule import Rule
from repro.report.shown import columns, document


def rules_table(rules: Iterable[Rule]) -> str:
    """Name, code, worst severity and meaning of each rule."""
    rows = [("rule", "code", "severity", "it fires when"), ("---",) * 4]
    rows += [
        (f"`{rule.name}`", rule.code, rule.severity.value, rule.summary.replace("|", r"\\|"))
        for rule in rules
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def rules_text(rules: Iterable[Rule]) -> Text:
    """The same for a terminal."""
    rows = [[rule.code, rule.name, rule.severity.value, rule.summary] for rule in rules]
    return document(columns(rows, indent=0))


def rules_json(rules: Iterable[Rule]) -> str:
    """The same for programs."""
    rows = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "summary": rule.summary,
        }
        for rule in rules
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)
