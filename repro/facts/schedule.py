"""How the learning rate went through the run, as a share of its highest."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact, Part

Shape = Literal[
    "constant",
    "step",
    "exponential",
    "inverse_sqrt",
    "linear",
    "cosine",
    "cosine_restarts",
    "polynomial",
    "one_cycle",
    "plateau",
    "unknown",
]


class Parameter(Part):
    """A parameter of the shape, fitted, to four digits."""

    name: str
    value: float


class GroupSchedule(Part):
    """A further parameter group, counted over all optimizers, that goes another way."""

    index: int
    shape: Shape
    warm_up: int
    digest: str | None
    parameters: tuple[Parameter, ...] = ()


class Schedule(Fact):
    """Observed at every optimizer step, classified from the series alone.

    The highest learning rate itself is `optimizer.lr`. After the warm-up, with u units since:
    linear 1 - u / zero_at; exponential gamma ** u; step: times gamma after first_drop, drop_2 and
    so on, the first 16 of n_drops; inverse_sqrt 1 / sqrt(1 + decay * u); cosine: from 1 to floor
    in half_period; polynomial (1 - u / zero_at) ** power.
    A shape that fits nothing exactly is unknown, and told apart by its digest.
    """

    VERSION: ClassVar = 2
    IGNORED: ClassVar = (
        "schedule.every",
        "schedule.start",
        "schedule.final",
        "schedule.residual",
        "schedule.reason",
        "schedule.n_levels",
        "schedule.series",
    )
    # Units may be steps, and folds differ in size.
    PER_REPLICATE: ClassVar = ("schedule.*warm_up", "schedule.*parameters*", "schedule.*digest")

    shape: Shape
    # interval: the scheduler moves once an epoch, say; None: nothing is measured in units.
    unit: Literal["step", "interval"] | None = None
    warm_up: int = 0  # units until the highest
    parameters: tuple[Parameter, ...] = ()
    digest: str | None = None  # of the series, where the shape is unknown
    groups: tuple[GroupSchedule, ...] = ()
    every: float = 1.0  # optimizer steps in a unit
    start: float = 1.0  # first learning rate / highest
    final: float = 1.0  # last learning rate / highest
    residual: float | None = None  # root mean square of what the shape leaves / range of the series
    reason: str | None = None  # why the shape is unknown
    n_levels: int = 1  # different values in a row
    series: tuple[tuple[int, float], ...] = ()  # step, learning rate: at most 64 changes

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew no polynomial: what was unknown stays so."""
        return data


EXAMPLE = Schedule(shape="constant", series=((0, 0.1),))
