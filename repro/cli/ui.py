"""`repro ui`: the MLflow UI on the project's store."""

import click

from repro.cli.options import store_options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
@store_options
def ui(host: str, port: int, tracking_uri: str | None, experiment: str | None) -> None:
    """Open the MLflow UI on the project's store, and print the address of the run list."""
    from repro.store.location import locate
    from repro.store.ui import serve

    serve(locate(tracking_uri), experiment, host, port)
