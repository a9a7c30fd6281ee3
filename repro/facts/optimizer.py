"""The optimizer that stepped."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Setting(Part):
    """A hyperparameter as resolved at the first step; `lr` is the highest of all steps."""

    name: str
    value: Scalar


class Group(Part):
    """A further parameter group, where it differs from the first."""

    index: int
    settings: tuple[Setting, ...]


class Optimizer(Fact):
    """Class, resolved hyperparameters and scheduler of the optimizers in use."""

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("settings",)
    IGNORED: ClassVar = ("optimizer.n_replaced",)  # the name says it: SGD+SGD

    name: str  # SGD; several are joined with +
    settings: tuple[Setting, ...]
    n_groups: int = 1
    n_parameters: int
    groups: tuple[Group, ...] = ()
    scheduler: str | None = None
    n_replaced: int = 0  # optimizers that took over, shown by another `run.watch` after some steps

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 held the learning rate of the first step; without a warm-up it is the same."""
        return data


EXAMPLE = Optimizer(
    name="SGD",
    settings=(Setting(name="lr", value=0.1), Setting(name="momentum", value=0.9)),
    n_parameters=27_562,
)
