"""What is kept of a logged series: its extremes, and some of its points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_POINTS = 512  # beyond, every second one is dropped


@dataclass
class Curve:
    """One series, in the order in which it was logged."""

    n: int = 0
    n_non_finite: int = 0
    first: tuple[int, float] | None = None  # step, value; of the finite ones
    last: tuple[int, float] | None = None
    lowest: tuple[int, float] | None = None  # the first of several
    highest: tuple[int, float] | None = None
    last_step: int = 0
    points: list[tuple[int, float]] = field(default_factory=list)
    _stride: int = 1

    def add(self, step: int, value: float) -> None:
        """One more point."""
        n = self.n
        self.n, self.last_step = n + 1, step
        if not math.isfinite(value):
            self.n_non_finite += 1
            return
        self.last = point = (step, value)
        if self.first is None:
            self.first = self.lowest = self.highest = point
        elif value < self.lowest[1]:  # type: ignore[index]  # set together with `first`
            self.lowest = point
        elif value > self.highest[1]:  # type: ignore[index]
            self.highest = point
        if n % self._stride == 0:
            self.points.append(point)
            if len(self.points) == MAX_POINTS:
                del self.points[1::2]
                self._stride *= 2


class Curves(dict[str, Curve]):
    """The series of a run by name, up to a bound."""

    MAX_NAMES = 1_000

    def add(self, values: Mapping[str, float], step: int) -> None:
        """One more point of each of these series."""
        for name, value in values.items():
            curve = self.get(name)
            if curve is None and len(self) < self.MAX_NAMES:
                curve = self[name] = Curve()
            if curve is not None:
                curve.add(step, value)
