"""Runs the script of a replay as a process of its own, and shows how far it is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from repro.launch import hearing
from repro.store.journal import EVENTS
from repro.store.journaled import Position, batches

LOOK_SECONDS = 0.2
TOLD_SECONDS = 1.0
LAST_LINES = 20
TAIL_BYTES = 20_000


@dataclass(frozen=True)
class Ended:
    """How the process ended."""

    exit_code: int  # minus the signal that killed it
    last_lines: tuple[str, ...]  # of what it printed; none where it was shown

    @property
    def reason(self) -> str:
        """In words, with the last line that it printed."""
        how = f"exited with {self.exit_code}"
        if self.exit_code < 0:
            how = f"was killed by {signal.Signals(-self.exit_code).name}"
        last = next((line.strip() for line in reversed(self.last_lines) if line.strip()), "")
        return f"the script {how}" + (f": {last}" if last else "")


@dataclass
class Progress:
    """How far the runs of the process are, by the journals that were not there before."""

    journals: Path
    label: str
    last_step: int | None  # of the series of the original
    step: int | None = None
    _before: set[Path] = field(default_factory=set)
    _read: dict[Path, Position] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def __post_init__(self) -> None:
        self._before = self._folders()

    def tell(self) -> None:
        """Renew the line on the terminal, once a second."""
        if sys.stderr.isatty() and time.monotonic() - self._told >= TOLD_SECONDS:
            self._told = time.monotonic()
            print(f"\r\033[K{self.line()}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def line(self) -> str:
        """Where it is now."""
        for folder in self._folders() - self._before:
            for points, position in batches(folder, self._read.get(folder, Position())):
                self._read[folder] = position
                self.step = max(point.step for point in points)
        of = f" of {self.last_step:,}" if self.last_step else ""
        where = "" if self.step is None else f"step {self.step:,}{of}, "
        return f"repro  {self.label}: {where}{time.monotonic() - self._began:.0f} s"

    def _folders(self) -> set[Path]:
        return {path.parent for path in self.journals.glob(f"*/{EVENTS}")}


def rerun(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    folder: Path,
    output: Path | None,
    progress: Progress,
) -> Ended:
    """Execute a command in a folder; what it prints goes to a file, or, without one, is shown.

    Signals that ask this process to end go to the command, and end this process after it.
    """
    received: list[int] = []
    with _sink(output) as sink, hearing(lambda number, _: received.append(number)):
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT if sink else None,
            start_new_session=True,  # a Ctrl-C comes once, through us
        )
        try:
            _await(child, received, progress)
        finally:
            _end_all(child)
    progress.clear()
    if received:
        raise SystemExit(128 + received[0])
    return Ended(child.returncode, _last_lines(output) if output else ())


def _await(child: subprocess.Popen[bytes], received: list[int], progress: Progress) -> None:
    n_sent = 0
    while child.poll() is None:
        for number in received[n_sent:]:
            child.send_signal(number)
            n_sent += 1
        progress.tell()
        try:
            child.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _end_all(child: subprocess.Popen[bytes]) -> None:
    """Neither the command nor what it started and left behind goes on."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextmanager
def _sink(output: Path | None) -> Iterator[int | None]:
    if output is None:
        yield None
        return
    with output.open("wb") as file:
        yield file.fileno()


def _last_lines(output: Path) -> tuple[str, ...]:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - TAIL_BYTES))
        return tuple(file.read().decode(errors="replace").splitlines()[-LAST_LINES:])
