"""The command group: loads a command's file only when it is called."""

import sys
from importlib import import_module
from typing import Any

import click

import repro
from repro.errors import ReproError

COMMANDS = {
    "audit": "Judge the claims of repro.toml, or one given by options.",
    "diff": "Show in what two runs differ.",
    "explain": "Say why a rule exists, and what to do when it speaks.",
    "recover": "Bring to MLflow what a killed run, or one without a server, has left.",
    "replay": "Execute a run again, and compare it bit for bit.",
    "restore": "Bring the code of a run back into an empty folder.",
    "rules": "List all rules.",
    "run": "Run a training command, once for each seed.",
    "show": "Show everything recorded about a run.",
    "status": "List the runs of this machine that MLflow does not have in full.",
    "ui": "Open the MLflow UI on the project's store.",
    "verify": "Tell whether runs are as they were when they ended.",
}
USAGE_ERROR = 2


class LazyGroup(click.Group):
    """A group whose commands live in files of their own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load the file of the command."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"repro.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Print our own errors as one message, without a traceback."""
        try:
            return super().invoke(ctx)
        except ReproError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(USAGE_ERROR)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(repro.__version__, prog_name="repro")
def main() -> None:
    """Reproducible training runs in MLflow, and a verdict on every comparison."""
