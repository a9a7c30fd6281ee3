"""`repro status`: the runs of this machine that MLflow does not have in full."""

import sys
from pathlib import Path

import click

from repro.cli.options import show, tracking_uri_option


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--all", "show_all", is_flag=True, help="Also runs of which nothing is left to do.")
@tracking_uri_option
def status(folder: Path | None, show_all: bool, tracking_uri: str | None) -> None:
    """List the runs of this machine that go on, or that MLflow does not have in full.

    DIR is the folder of a project, of journals, or of one; by default this project's. Exit code: 0
    nothing is left to do, 1 `repro recover` has something to do, 2 usage.
    """
    from repro.journal_table import journal_table
    from repro.store.journals import listed_journals
    from repro.store.location import locate

    journals = listed_journals(folder, locate(tracking_uri))
    show(journal_table(journals, show_all=show_all))
    sys.exit(1 if any(journal.left for journal in journals) else 0)
