"""`repro replay`: a run executed again, and compared bit for bit."""

import sys
from pathlib import Path
from typing import Any

import click

from repro.cli.options import show, store_options


def _refuse(why: str) -> None:
    """Ask a person; without one, do not execute code of someone else."""
    from repro.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{why}. Look at the code with `repro restore`, then pass --yes.")
    if not click.confirm(f"{why}. Execute it", err=True):
        raise UsageError("the code was not executed.")


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--times", metavar="N", type=click.IntRange(1), default=1, help="How often.")
@click.option("--until", metavar="STEP", type=click.IntRange(0), help="The last optimizer step.")
@click.option("--fresh-env", is_flag=True, help="In an environment of the recorded packages.")
@click.option(
    "--data",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file or folder of this repository that the script reads and git does not hold.",
)
@click.option("--verbose", is_flag=True, help="Show what the script prints.")
@click.option("--yes", is_flag=True, help="Execute code of other authors, too.")
@store_options
def replay(run: str, yes: bool, **options: Any) -> None:
    """Execute a run again in a folder of its own, and compare the bits.

    The run gets the tag repro.verified, the replay is a run of its own. Exit code: 0 identical,
    1 diverged, 2 usage, 3 cannot be told: environment, code or trace do not allow it.

    Identical are the data, each traced step, the weights at the end, scores, and what was logged.
    A series whose name ends as epoch_seconds, step_time or samples_per_second measures time: that
    it differs is told, and does not count. Any other series that differs alone does: diverged.

    With --until, the weights must have been compared at that step. A light trace looks at them more
    rarely than at losses; it says up to which step it can prove.
    """
    from repro.replay import Wishes, replay_project

    wishes = Wishes(
        times=options["times"],
        until=options["until"],
        has_fresh_environment=options["fresh_env"],
        data=options["data"],
        is_shown=options["verbose"],
        allow=(lambda why: None) if yes else _refuse,
    )
    store = {key: options[key] for key in ("tracking_uri", "experiment")}
    done = replay_project(run, wishes, **store)
    show(done.text())
    sys.exit(done.exit_code)
