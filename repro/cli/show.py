"""`repro show`: everything recorded about a run."""

import click

from repro.cli.options import json_option, store_options
from repro.cli.options import show as show_text


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--all", "show_all", is_flag=True, help="Every recorded value, by its path.")
@json_option
@store_options
def show(
    run: str, show_all: bool, as_json: bool, tracking_uri: str | None, experiment: str | None
) -> None:
    """Show what is recorded about a run, by id, beginning of an id, or name."""
    from repro.inheritance import inheritance
    from repro.nested_runs import nested_runs
    from repro.record import dump
    from repro.report.notebook import notebook_page
    from repro.report.record_text import record_text
    from repro.store.journals import journal_folders
    from repro.store.load import open_history
    from repro.store.location import locate
    from repro.verification import why_unsealed

    location = locate(tracking_uri)
    history = open_history(location, experiment)
    record = history.record(history.resolve(run))
    if as_json:
        show_text(dump(record))
        return
    unsealed = None if record.sealed else why_unsealed(record.run_id, journal_folders(location))
    if show_all:
        show_text(record_text(record, unsealed=unsealed))
        return
    ancestors, nested = inheritance(history, record), nested_runs(history, record.run_id)
    show_text(notebook_page(record, ancestors=ancestors, nested=nested, unsealed=unsealed))
