"""Keeps the learning rates of a run: every change of every group, within a bound."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_LEVELS = 4_096
ROUNDING = 1e-9  # of a rate that comes back to its highest


@dataclass
class Levels:
    """Values of one learning rate in a row, without repetitions.

    Beyond the bound every second one is dropped, again and again; the highest is always kept.
    """

    steps: list[int] = field(default_factory=list)
    units: list[int] = field(default_factory=list)  # calls of the scheduler; else steps
    rates: list[float] = field(default_factory=list)
    peak: tuple[int, int, float] | None = None  # the first highest
    n_seen: int = 0
    last: float | None = None
    _stride: int = 1

    def add(self, step: int, unit: int, rate: float) -> None:
        """The rate at this step, if it is another one than before."""
        if rate == self.last:
            return
        self.last = rate
        if self.peak is None or rate > self.peak[2] * (1 + ROUNDING):
            self.peak = (step, unit, rate)
        if self.n_seen % self._stride == 0:
            self.steps.append(step)
            self.units.append(unit)
            self.rates.append(rate)
        self.n_seen += 1
        if len(self.rates) == MAX_LEVELS:
            self._stride *= 2
            for values in (self.steps, self.units, self.rates):
                del values[1::2]

    @property
    def is_whole(self) -> bool:
        """Whether no level was dropped."""
        return self._stride == 1

    def points(self) -> list[tuple[int, int, float]]:
        """Step, unit and rate of every level that was kept, and of the highest."""
        found = list(zip(self.steps, self.units, self.rates, strict=True))
        return sorted({*found, self.peak}) if self.peak is not None else found


class LearningRates:
    """Of one optimizer: the levels of each group."""

    def __init__(self, schedulers: Sequence[Any]) -> None:
        self.groups: list[Levels] = []
        self.n_steps = 0
        self.is_adaptive = any(type(one).__name__ == "ReduceLROnPlateau" for one in schedulers)
        counting = [one for one in schedulers if isinstance(_calls(one), int)]
        self._scheduler = counting[0] if len(counting) == 1 else None

    def look(self, groups: Sequence[dict[str, Any]]) -> None:
        """Take the rates that the next step will use."""
        unit = _calls(self._scheduler) if self._scheduler is not None else self.n_steps
        while len(self.groups) < len(groups):
            self.groups.append(Levels())
        for levels, group in zip(self.groups, groups, strict=False):
            levels.add(self.n_steps, unit, float(group["lr"]))

    @property
    def counts_calls(self) -> bool:
        """Whether the units are calls of the scheduler."""
        return self._scheduler is not None


def _calls(scheduler: Any) -> Any:
    return getattr(scheduler, "last_epoch", None)
