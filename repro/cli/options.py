"""Options and output that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])


def tracking_uri_option(command: F) -> F:
    """Which store to use."""
    return click.option(
        "--tracking-uri",
        metavar="URI",
        help="By default MLFLOW_TRACKING_URI, then repro.toml, then MLflow's own.",
    )(command)


def store_options(command: F) -> F:
    """Which store and which experiment to read."""
    command = click.option(
        "--experiment", metavar="NAME", help="By default that of repro.toml, then Default."
    )(command)
    return tracking_uri_option(command)


def json_option(command: F) -> F:
    """Output that a machine may read."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show(document: "Text | str") -> None:
    """Print in colour on a terminal, plain when piped; lines are never cut or wrapped by us."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(document, end="" if str(document).endswith("\n") else "\n")
