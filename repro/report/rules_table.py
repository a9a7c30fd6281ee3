"""The catalogue of rules as a table."""

import json
from collections.abc import Iterable

from rich.text import Text

from repro.audit.configuration import ignored_paths
from repro.audit.rule import Rule
from repro.report.shown import columns, document


def rules_table(rules: Iterable[Rule]) -> str:
    """Name, code, worst severity, whether it is asked by default, and meaning of each rule."""
    rows = [("rule", "code", "severity", "asked", "it fires when"), ("---",) * 5]
    rows += [
        (
            f"`{rule.name}`",
            rule.code,
            rule.severity.value,
            asked(rule),
            rule.summary.replace("|", r"\\|"),
        )
        for rule in rules
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def rules_text(rules: Iterable[Rule]) -> Text:
    """The same for a terminal."""
    rows = [
        [rule.code, rule.name, rule.severity.value, asked(rule), rule.summary] for rule in rules
    ]
    return document(columns(rows, indent=0))


def rules_json(rules: Iterable[Rule]) -> str:
    """The same for programs."""
    rows = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "is_preview": rule.is_preview,
            "summary": rule.summary,
        }
        for rule in rules
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def ignored_text() -> Text:
    """What no comparison hangs on, or not by every bit, and why."""
    return document(columns([list(row) for row in ignored_paths()], indent=0))


def asked(rule: Rule) -> str:
    """When an audit asks the rule."""
    return "in preview" if rule.is_preview else "always"
