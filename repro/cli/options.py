"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def store_options(command: F) -> F:
    """Which store and which experiment to read."""
    command = click.option(
        "--experiment", metavar="NAME", help="By default that of repro.toml, then Default."
    )(command)
    return click.option(
        "--tracking-uri",
        metavar="URI",
        help="By default MLFLOW_TRACKING_URI, then repro.toml, then MLflow's own.",
    )(command)


def json_option(command: F) -> F:
    """Output that a machine may read."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
