"""One rule, explained from its own file."""

from rich.text import Text

from repro.audit.rule import Rule


def rule_text(rule: Rule) -> Text:
    """Name, meaning, and the sections of the rule's docstring."""
    lines = [
        Text.assemble((rule.name, "bold"), f" ({rule.code}), {rule.severity.value}"),
        Text(),
        Text(rule.summary),
    ]
    for title, text in rule.sections.items():
        lines += [Text(), Text.assemble((f"{title}: ", "bold"), text)]
    return Text("\n").join(lines)
