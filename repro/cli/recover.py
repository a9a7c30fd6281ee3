"""`repro recover`: what killed runs, and runs without a server, have left."""

import sys

import click

from repro.cli.options import show, tracking_uri_option


@click.command()
@click.argument("run", metavar="[RUN|DIR]", required=False)
@tracking_uri_option
def recover(run: str | None, tracking_uri: str | None) -> None:
    """Bring to MLflow what a killed run, or one without a server, has left.

    RUN is an id, beginning of an id, or name, DIR a folder of journals or that of one run; by
    default all runs of the project. Live runs are left alone. Exit code: 0 nothing is left, 1 some
    is, 2 usage.
    """
    from repro.recovery import recover_some
    from repro.store.location import locate

    problems: list[bool] = []
    for found in recover_some(run, locate(tracking_uri)):
        problems.append(found.problem is not None)
        show(str(found))
    if not problems:
        show("nothing is left to recover")
    sys.exit(1 if any(problems) else 0)
