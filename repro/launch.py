"""Runs a training command as a process of its own, with the environment it needs from its start."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from repro.determinism.seeds import MAX_SEED
from repro.errors import UsageError

HASH_SEED = "0"
MAX_HASH_SEED = 2**32 - 1
MAX_THREADS = 4096
MOST_SEEDS = 10_000
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)
# Torch's own kernels, oneDNN, MKL, OpenBLAS: each picks its code by the CPU, and rounds by it.
CPU = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "OPENBLAS_CORETYPE")
CPUS = {
    "default": ("default", "SSE41", "COMPATIBLE", "Nehalem"),
    "avx2": ("avx2", "AVX2", "AVX2", "Haswell"),
    "avx512": ("avx512", "AVX512_CORE", "AVX512", "SkylakeX"),
}
WAKE_SECONDS = 0.5
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
        first, last = int(found[1]), int(found[2] or found[1])
        if last > MAX_SEED:
            raise UsageError(f"--seeds {text!r}: {last} is too large. A seed is at most 2**64 - 1.")
        if last - first >= MOST_SEEDS:
            raise UsageError(f"--seeds {text!r} asks for more than {MOST_SEEDS} runs. Name fewer.")
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds {text!r} names a seed twice. Name each seed once.")
    return tuple(seeds)


def parse_seed(text: str) -> int:
    """The one seed of `--seed`.

    Raises
    ------
    UsageError
        The text is no seed.
    """
    return _number("--seed", text, 0, MAX_SEED)


def fixed(
    *, threads: str | None = None, hash_seed: str | None = None, cpu: str | None = None
) -> dict[str, str]:
    """Variables of what was asked for, and what libraries read only once, when they are loaded.

    Raises
    ------
    UsageError
        A value that they would ignore, or stop at.

    >>> fixed(hash_seed="random")
    {'PYTHONHASHSEED': 'random'}
    """
    variables: dict[str, str] = {}
    if threads is not None:
        count = _number("--threads", threads, 1, MAX_THREADS)
        variables |= dict.fromkeys(THREADS, str(count))
    if hash_seed == "random":
        variables["PYTHONHASHSEED"] = hash_seed
    elif hash_seed is not None:
        number = _number("--hash-seed", hash_seed, 0, MAX_HASH_SEED, instead="random")
        variables["PYTHONHASHSEED"] = str(number)
    if cpu is not None:
        variables |= dict(zip(CPU, _kernels(cpu), strict=True))
    return variables


def _number(option: str, text: str, low: int, high: int, *, instead: str = "") -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        other = f", or {instead}" if instead else ""
        raise UsageError(f"{option} {text!r}: write a whole number from {low} to {high}{other}.")
    return int(text)


def _kernels(cpu: str) -> tuple[str, ...]:
    if cpu not in CPUS:
        raise UsageError(f"--cpu {cpu!r}: write {', '.join(CPUS)}; or leave it out for the best.")
    return CPUS[cpu]


def environment(
    base: Mapping[str, str], seed: int | None, asked: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Variables of one run: what was asked for, its seed, and a fixed order of sets.

    The order of sets is left as it is where the user fixed it; so is whatever was not asked for.
    """
    variables = {"PYTHONHASHSEED": HASH_SEED, **base, **asked}
    return variables if seed is None else {**variables, "REPRO_SEED": str(seed)}


def launch(
    command: Sequence[str],
    seeds: Iterable[int | None],
    asked: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run the command once for each seed, one after the other, with the variables of `fixed`.

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
        code = _run(command, environment(os.environ, seed, asked))
        first_failure = first_failure or (128 - code if code < 0 else code)
        if code < 0 or code - 128 in SIGNALS:
            break
    return first_failure


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Exit code of the child, or minus the signal that came meanwhile; it goes to the child too."""
    received: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: object) -> None:
        received.append(number)
        for child in children:
            _tell(child, number)

    with hearing(pass_on):
        child = _started(command, variables)
        children.append(child)
        for number in received:
            _tell(child, number)
        code = child.wait()
    return -received[0] if received else code


def _tell(child: subprocess.Popen[bytes], number: int) -> None:
    if number != signal.SIGINT:  # the terminal sends that one to the child itself
        child.send_signal(number)


def _started(command: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, env=variables)
    except OSError as error:
        raise UsageError(
            f"{command[0]!r} cannot be started: {error.strerror}. "
            f"Write the command after --, as in: repro run -- python train.py"
        ) from error


@contextmanager
def hearing(handle: Callable[[int, object], None]) -> Iterator[None]:
    """Have signals handled that are not ignored; their handlers are given back."""
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda *_: None)
    # Python handles a signal that comes right before it waits when it is woken: by this one.
    timer = signal.setitimer(signal.ITIMER_REAL, WAKE_SECONDS, WAKE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        for number, handler in before.items():
            signal.signal(number, handler)
