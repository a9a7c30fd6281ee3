"""`repro restore`: the code of a run, in a folder."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from repro.cli.options import show, store_options

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--from", "source", metavar="REPO", type=FOLDER, help="A repository with the commit.")
@store_options
def restore(run: str, folder: Path, source: Path | None, **store: Any) -> None:
    """Bring the code of a run back into an empty folder, byte for byte.

    Exit code: 0 exact, 1 restored but not exact, 2 usage, 3 cannot be restored.
    """
    from repro.errors import CannotRestore
    from repro.restore import restore as restore_code
    from repro.store.load import open_history
    from repro.store.location import locate

    history = open_history(locate(store["tracking_uri"]), store["experiment"])
    run_id = history.resolve(run)
    try:
        found = restore_code(
            history.record(run_id), partial(history.artifact, run_id), folder, source
        )
    except CannotRestore as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(3)
    show(str(found))
    sys.exit(found.exit_code)
