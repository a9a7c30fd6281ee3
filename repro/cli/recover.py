"""`repro recover`: what killed runs, and runs without a server, have left."""

import sys

import click

from repro.cli.options import show, tracking_uri_option


@click.command()
@click.argument("run", metavar="[RUN|DIR]", required=False)
@tracking_uri_option
def recover(run: str | None, tracking_uri: str | None) -> None:
    """Bring to MLflow what a killed run, or one without a server, has left.

    RUN is a name, an id, or 4 characters or more of its beginning, DIR the folder of a project, of
    journals, or of one; by default all runs of the project. Live runs are left alone. Exit code: 0
    nothing is left, 1 some is, 2 usage.
    """
    from repro.recovery import recover_some, still_left
    from repro.store.location import locate

    location, done = locate(tracking_uri), []
    for found in recover_some(run, location):
        done.append(found)
        show(str(found))
    if not done:
        show("nothing is left to recover")
    for line in still_left(done, location):
        show(line)
    sys.exit(1 if any(found.problem for found in done) else 0)
