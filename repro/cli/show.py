"""`repro show`: everything recorded about a run."""

import click

from repro.cli.options import json_option, store_options
from repro.cli.options import show as show_text


@click.command()
@click.argument("run", metavar="RUN")
@json_option
@store_options
def show(run: str, as_json: bool, tracking_uri: str | None, experiment: str | None) -> None:
    """Show everything recorded about a run, by id, beginning of an id, or name."""
    from repro.record import dump
    from repro.report.record_text import record_text
    from repro.store.load import open_history
    from repro.store.location import locate

    history = open_history(locate(tracking_uri), experiment)
    record = history.record(history.resolve(run))
    show_text(dump(record) if as_json else record_text(record))
