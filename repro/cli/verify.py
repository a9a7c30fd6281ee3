"""`repro verify`: whether runs are as they were sealed."""

import sys
from typing import Any

import click

from repro.cli.options import show, store_options


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every sealed run of the experiment.")
@store_options
def verify(runs: tuple[str, ...], every: bool, **store: Any) -> None:
    """Show what was altered in MLflow after runs had ended, by id, beginning of an id, or name.

    Status, params, metrics, artifacts, and tags of repro are compared; times, description, name and
    other tags are not. Exit code: 0 as sealed, 1 altered, 2 usage, 3 cannot be told.
    """
    from repro.verification import verify_project

    codes = {0}
    for found in verify_project(runs, every=every, **store):
        if found.is_sealed or not every:
            show(found.text())
            codes.add(found.exit_code)
    sys.exit(next(code for code in (1, 3, 0) if code in codes))
