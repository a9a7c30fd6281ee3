"""`repro run`: a training command, once for each seed."""

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--seeds", metavar="0..4", help="One run for each seed, one after the other.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(seeds: str | None, command: tuple[str, ...]) -> None:
    """Run a training command, once for each seed: repro run --seeds 0..4 -- python train.py

    Sets REPRO_SEED, which tracked_run(seed=None) follows, and PYTHONHASHSEED. Exit code: that of
    the first run that failed, else 0.
    """
    from repro.launch import launch, parse_seeds

    sys.exit(launch(command, parse_seeds(seeds) if seeds else (None,)))
