"""What the observer of one training technique is told, and when it is asked for its fact."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from repro.facts.fact import Absent, Fact
from repro.facts.scores import Score, Series

EVERY_STEP_UNTIL = 16
SAMPLED_EVERY = 64  # steps


@dataclass(frozen=True)
class Ending:
    """What is known at the end of a run besides what a technique saw itself."""

    n_steps: int  # optimizer steps
    n_train: int | None = None  # rows of the train role
    scores: Sequence[Score] = ()
    logged: Sequence[Series] = ()
    params: dict[str, Any] = field(default_factory=dict)  # declared and logged


class Technique:
    """Looks at one technique while the training goes on; a file in `techniques/` holds one.

    It never changes what it is shown, draws from no generator, and may be shown nothing at all. A
    method that is not overridden costs nothing; one that raises is not called again, and the
    failure becomes the reason why the fact is missing.
    """

    kind: ClassVar[type[Fact]]

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """`run.watch` was called; whatever was not given is None."""

    def fed(self, loader: Any, role: str) -> None:
        """A loader for this role was made by `run.dataloader`, or is watched."""

    def batch(self, batch: Any, role: str) -> None:
        """A loader hands this batch to the loop."""

    def forward(self, model: Any, inputs: Sequence[Any]) -> None:
        """The watched model is about to be called."""

    def before_step(self, optimizer: Any, step: int) -> None:
        """An optimizer is about to step; `step` counts those of the first one, from 0."""

    def after_step(self, optimizer: Any, step: int) -> None:
        """An optimizer has stepped."""

    def at_end(self, ending: Ending) -> Fact | Absent:
        """What was seen."""
        raise NotImplementedError


def is_sampled(step: int) -> bool:
    """Whether a look that costs something is worth it at this step.

    >>> sum(is_sampled(step) for step in range(1000))
    31
    """
    return step < EVERY_STEP_UNTIL or step % SAMPLED_EVERY == 0


def not_watched(what: str) -> Absent:
    """Nobody showed it to us."""
    return Absent(reason=f"the {what} was not handed over: run.watch(...)", kind="not_recorded")
