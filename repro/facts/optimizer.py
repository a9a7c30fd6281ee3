"""The optimizer that stepped."""

from typing import ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Setting(Part):
    """A hyperparameter of the optimizer, as resolved at the first step."""

    name: str
    value: Scalar


class Group(Part):
    """A further parameter group, where it differs from the first."""

    index: int
    settings: tuple[Setting, ...]


class Optimizer(Fact):
    """Class, resolved hyperparameters and scheduler of the optimizers in use."""

    INLINE: ClassVar = ("settings",)

    name: str  # SGD; several are joined with +
    settings: tuple[Setting, ...]
    n_groups: int = 1
    n_parameters: int
    groups: tuple[Group, ...] = ()
    scheduler: str | None = None


EXAMPLE = Optimizer(
    name="SGD",
    settings=(Setting(name="lr", value=0.1), Setting(name="momentum", value=0.9)),
    n_parameters=27_562,
)
