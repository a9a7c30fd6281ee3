"""Runs a training command as a process of its own, with the environment it needs from its start."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from repro.errors import UsageError

HASH_SEED = "0"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds of `0..4`, `3`, or `1,5,7..9`, in this order.

    Raises
    ------
    UsageError
        The text is not of this form, or names a seed twice.

    >>> parse_seeds("0..2,7")
    (0, 1, 2, 7)
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))?\s*", part)
        if found is None or (found[2] and int(found[2]) < int(found[1])):
            raise UsageError(f"--seeds {text!r} names no seeds. Write 0..4, 3, or 1,5,7..9.")
        seeds += range(int(found[1]), int(found[2] or found[1]) + 1)
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds {text!r} names a seed twice. Name each seed once.")
    return tuple(seeds)


def environment(base: Mapping[str, str], seed: int | None) -> dict[str, str]:
    """Variables of one run: its seed, and a fixed order of sets unless the user fixed one."""
    variables = {"PYTHONHASHSEED": HASH_SEED, **base}
    return variables if seed is None else {**variables, "REPRO_SEED": str(seed)}


def launch(command: Sequence[str], seeds: Iterable[int | None]) -> int:
    """Run the command once for each seed, one after the other.

    A run that fails does not keep the others from running; one that is killed does.

    Returns
    -------
    int
        The first exit code that is not 0, as a shell reports it; else 0.

    Raises
    ------
    UsageError
        The command cannot be started.
    """
    first_failure = 0
    for seed in seeds:
        if seed is not None:
            print(f"repro  seed {seed}: {' '.join(command)}", file=sys.stderr, flush=True)
        code = _run(command, environment(os.environ, seed))
        first_failure = first_failure or (128 - code if code < 0 else code)
        if code < 0 or code - 128 in SIGNALS:
            break
    return first_failure


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Exit code of the child, or minus the signal that came meanwhile; it goes to the child too."""
    try:
        child = subprocess.Popen(command, env=variables)
    except OSError as error:
        raise UsageError(
            f"{command[0]!r} cannot be started: {error.strerror}. "
            f"Write the command after --, as in: repro run -- python train.py"
        ) from error
    received: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        received.append(number)
        if number != signal.SIGINT:  # the terminal sends that one to the child itself
            child.send_signal(number)

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return -received[0] if received else code
