"""`repro rules`: the catalogue."""

import click

from repro.cli.options import json_option, show


@click.command()
@click.option("--markdown", is_flag=True, help="Print the table of the README.")
@json_option
def rules(markdown: bool, as_json: bool) -> None:
    """List all rules in the order in which an audit asks them."""
    from repro.audit.catalogue import every_rule
    from repro.report.rules_table import rules_json, rules_table, rules_text

    form = rules_json if as_json else rules_table if markdown else rules_text
    show(form(every_rule()))
