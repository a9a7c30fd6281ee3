"""`repro explain`: why a rule exists."""

import click

from repro.cli.options import show


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Say why a rule exists, what to do when it speaks, and when it is wrong.

    RULE is a name or a code: effective-batch, PRT011.
    """
    from repro.audit.catalogue import find_rule
    from repro.report.rule_text import rule_text

    show(rule_text(find_rule(rule)))
