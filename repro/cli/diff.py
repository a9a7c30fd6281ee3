"""`repro diff`: in what two runs differ."""

import sys
from typing import Any

import click

from repro.cli.options import json_option, show, store_options


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--all", "show_all", is_flag=True, help="Also what no claim has to declare.")
@click.option("--patch", is_flag=True, help="Only the patch from the first tree to the second.")
@json_option
@store_options
def diff(first: str, second: str, show_all: bool, patch: bool, as_json: bool, **store: Any) -> None:
    """Show in what two runs differ, by id, beginning of an id, or name.

    Exit code: 0 equal, 1 different, 2 usage, 3 cannot be told.
    """
    from repro.diff_project import diff_project
    from repro.report import diff_text as report
    from repro.report.diff_json import diff_json

    found = diff_project(first, second, **store)
    text = report.full_diff_text if show_all else report.diff_text
    show(diff_json(found) if as_json else report.patch_text(found) if patch else text(found))
    sys.exit(found.records.exit_code)
