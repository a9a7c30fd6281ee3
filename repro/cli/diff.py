"""`repro diff`: in what two runs differ."""

import sys

import click

from repro.cli.options import json_option, show, store_options


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--all", "show_all", is_flag=True, help="Also what no claim has to declare.")
@json_option
@store_options
def diff(
    first: str,
    second: str,
    show_all: bool,
    as_json: bool,
    tracking_uri: str | None,
    experiment: str | None,
) -> None:
    """Show in what two runs differ, by id, beginning of an id, or name.

    Exit code: 0 equal, 1 different, 2 usage, 3 cannot be told.
    """
    from repro.audit.record_diff import diff_records
    from repro.report.diff_text import diff_json, diff_text, full_diff_text
    from repro.store.load import open_history
    from repro.store.location import locate

    history = open_history(locate(tracking_uri), experiment)
    found = diff_records(*(history.record(history.resolve(name)) for name in (first, second)))
    text = full_diff_text if show_all else diff_text
    show(diff_json(found) if as_json else text(found))
    sys.exit(found.exit_code)
