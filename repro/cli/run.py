"""`repro run`: a training command, once for each seed."""

import sys

import click

from repro.errors import UsageError


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--seed", metavar="0", help="One run, with this seed.")
@click.option("--seeds", metavar="0..4", help="One run for each seed, one after the other.")
@click.option("--threads", metavar="1", help="Threads of torch, OpenMP, MKL, OpenBLAS, numexpr.")
@click.option("--hash-seed", metavar="0|random", help="Order of sets of text; 0 unless you set it.")
@click.option(
    "--cpu",
    metavar="default|avx2|avx512",
    help="Kernels of torch, oneDNN, MKL and OpenBLAS, where the CPU's best differ by machine.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    seed: str | None,
    seeds: str | None,
    threads: str | None,
    hash_seed: str | None,
    cpu: str | None,
    command: tuple[str, ...],
) -> None:
    """Run a training command, once for each seed: repro run --seeds 0..4 -- python train.py

    Sets what python and its libraries read only when they start: REPRO_SEED, which
    tracked_run(seed=None) follows, PYTHONHASHSEED, and on demand threads and kernels. Exit code:
    that of the first run that failed, else 0.
    """
    from repro.launch import fixed, launch, parse_seed, parse_seeds

    if seed is not None and seeds is not None:
        raise UsageError("--seed and --seeds are both given. Leave one of them out.")
    numbers = (None if seed is None else parse_seed(seed),) if seeds is None else parse_seeds(seeds)
    sys.exit(launch(command, numbers, fixed(threads=threads, hash_seed=hash_seed, cpu=cpu)))
