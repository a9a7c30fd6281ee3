"""Which steps are traced: the first ones, then as many as a share of the time allows."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from repro.errors import UsageError
from repro.trace.format import Level

LIGHT_SHARE, FULL_SHARE = 0.003, 0.007  # of the time, for each of looks and weights
FIRST = 20  # steps that are always traced
MAX_STRIDE = 2**20


class Pace(Protocol):
    """Tells which steps are looked at, and learns what a look costs."""

    stride: int

    def wants(self, step: int) -> bool:
        """Whether to look at this step."""

    def paid(self, seconds: float, step_seconds: float) -> None:
        """A look took so long; a step without one takes `step_seconds`."""

    def slow_down(self) -> None:
        """Look half as often from now on."""


class Automatic:
    """Every step at first, then each that a power of two divides.

    So the steps of a run that had more time to look contain those of a run that had less.
    """

    def __init__(self, share: float, n_first: int = FIRST) -> None:
        self.stride = 1
        self._share = share
        self._n_first = n_first
        self._floor = 1
        self._costs: deque[float] = deque(maxlen=9)

    def wants(self, step: int) -> bool:
        """One of the first, or on the grid."""
        return step < self._n_first or step % self.stride == 0

    def paid(self, seconds: float, step_seconds: float) -> None:
        """Choose the grid on which looks take their share of the time."""
        self._costs.append(seconds)
        wanted = median(self._costs) / max(self._share * step_seconds, 1e-9)
        stride = self._floor
        while stride < wanted and stride < MAX_STRIDE:
            stride *= 2
        self.stride = stride

    def slow_down(self) -> None:
        """No finer grid than twice as coarse as this one."""
        self._floor = min(2 * self.stride, MAX_STRIDE)
        self.stride = self._floor


class Given:
    """Just these steps, as those of a run that is replayed."""

    stride = 1

    def __init__(self, steps: frozenset[int]) -> None:
        self._steps = steps

    def wants(self, step: int) -> bool:
        """Whether it is one of them."""
        return step in self._steps

    def paid(self, seconds: float, step_seconds: float) -> None:
        """It does not matter."""

    def slow_down(self) -> None:
        """They were chosen."""


@dataclass(frozen=True)
class Tracing:
    """How a run is traced."""

    level: Level = "light"
    steps: frozenset[int] | None = None  # just these; None: as many as cost little
    until: int | None = None  # the run ends after this step

    def paces(self) -> tuple[Pace, Pace]:
        """Of what is always looked at, and of the weights."""
        if self.steps is not None:
            return Given(self.steps), Given(self.steps)
        if self.level == "full":
            return Automatic(FULL_SHARE), Automatic(FULL_SHARE)
        return Automatic(LIGHT_SHARE), Automatic(LIGHT_SHARE, n_first=1)


def steps_in(path: str) -> frozenset[int]:
    """The steps of a file, one a line.

    Raises
    ------
    UsageError
        It cannot be read, or holds something else.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except OSError as error:
        raise UsageError(
            f"REPRO_TRACE_STEPS={path!r} cannot be read: {error.strerror}. "
            f"Name a file with the number of one step in each line."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"REPRO_TRACE_STEPS={path!r} is no file of text. "
            f"Name a file with the number of one step in each line."
        ) from error
    wrong = [line for line in lines if not line.isdecimal()]
    if wrong:
        raise UsageError(
            f"REPRO_TRACE_STEPS={path!r} holds {wrong[0]!r}, which is no number of a step. "
            f"Write one number in each line."
        )
    return frozenset(map(int, lines))
