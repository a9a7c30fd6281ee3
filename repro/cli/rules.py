"""`repro rules`: the catalogue."""

import click

from repro.cli.options import json_option, show


@click.command()
@click.option("--markdown", is_flag=True, help="Print the table of the README.")
@click.option("--ignored", is_flag=True, help="Print what no comparison hangs on, and why.")
@json_option
def rules(markdown: bool, ignored: bool, as_json: bool) -> None:
    """List all rules in the order in which an audit asks them.

    Those in preview are asked with `repro audit --preview`, or by name: `select` in repro.toml.
    """
    from repro.audit.catalogue import every_rule
    from repro.report.rules_table import ignored_text, rules_json, rules_table, rules_text

    if ignored:
        show(ignored_text())
        return
    form = rules_json if as_json else rules_table if markdown else rules_text
    show(form(every_rule()))
