"""What the observer of one training technique is told, and when it is asked for its fact."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from repro.digest import RowHashes
from repro.facts.fact import Absent, Fact
from repro.facts.scores import Score, Series
from repro.observe.curve import Curve

EVERY_STEP_UNTIL = 16
SAMPLED_EVERY = 64  # steps
NOTHING_TRAINED = "no torch optimizer stepped in this run"
OTHER_FRAMEWORKS = ("jax", "tensorflow", "mxnet", "paddle")


@dataclass(frozen=True)
class Ending:
    """What is known at the end of a run besides what a technique saw itself."""

    n_steps: int  # optimizer steps
    n_train: int | None = None  # rows of the train role
    scores: Sequence[Score] = ()
    logged: Sequence[Series] = ()
    params: dict[str, Any] = field(default_factory=dict)  # declared and logged
    batch_sizes: Mapping[int, int] = field(default_factory=dict)  # rows, how often; one process
    n_epochs: float | None = None  # of the train role, over all processes
    curves: Mapping[str, Curve] = field(default_factory=dict)  # logged or scored through the run
    nested_in: str | None = None  # id of the MLflow run around this one
    features: Mapping[str, RowHashes] = field(default_factory=dict)  # rows of each role, unlabelled


class Technique:
    """Looks at one technique while the training goes on; a file in `techniques/` holds one.

    It never changes what it is shown, draws from no generator, and may be shown nothing at all. A
    method that is not overridden costs nothing; one that raises is not called again, and the
    failure becomes the reason why the fact is missing.
    """

    kind: ClassVar[type[Fact]]

    def joined(self, channel: Any) -> None:
        """This process is one of several: a `Channel` to the others."""

    def hooked(self) -> None:
        """Torch is loaded, and every optimizer is seen from now on."""

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """`run.watch` was called; whatever was not given is None."""

    def searched(self, study: Any) -> None:
        """`run.watch` was called with a hyperparameter study, which is no model."""

    def fed(self, loader: Any, role: str) -> None:
        """A loader for this role was made by `run.dataloader`, or is watched."""

    def began(self, loader: Any, role: str) -> None:
        """A pass over a loader begins."""

    def batch(self, batch: Any, role: str) -> None:
        """A loader hands this batch to the loop."""

    def forward(self, model: Any, inputs: Sequence[Any]) -> None:
        """The watched model is about to be called."""

    def backward(self, parameter: Any) -> None:
        """A backward pass has added to the gradient of this one of the trained parameters."""

    def before_step(self, optimizer: Any, step: int) -> None:
        """An optimizer is about to step; `step` counts those of the first one, from 0."""

    def after_step(self, optimizer: Any, step: int) -> None:
        """An optimizer has stepped."""

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """The same as `before_step`, where `is_sampled`, and at the first step after a `watch`."""

    def loaded(self, file: Any) -> None:
        """`run.load` has read a file: a `LoadedFile`."""

    def state_loaded(self, model: Any, left_out: Sequence[str]) -> None:
        """`load_state_dict` was called on a watched model; `left_out` was not in the state."""

    def continue_at(self, step: int) -> None:
        """The training goes on from a checkpoint: its next step is this one."""

    def fits_hooked(self, failed: Absent | None) -> None:
        """From now on the fits of scikit-learn are told; or why they cannot be."""

    def fits_left_out(self) -> None:
        """More were fitted than is told without `run.watch_fits()`."""

    def fitting(self, call: Any) -> None:
        """An estimator of scikit-learn is about to be fitted: a `FitCall`."""

    def fitted(self, call: Any) -> None:
        """It was fitted."""

    def probed(self, model: Any, probe: Any) -> None:
        """`repro.overfit_probe` was called: its `OverfitProbe`."""

    def scored(self, name: str, value: float, y_true: Any, y_pred: Any) -> None:
        """A score was taken."""

    def unwatched(self) -> None:
        """The block has ended: hooks are to be removed."""

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


def no_loader(ending: Ending) -> Absent:
    """No loader was seen."""
    if not ending.n_steps:
        return untrained()
    reason = (
        "no loader was seen: run.dataloader(dataset, role=...), "
        "or loader = run.watch_loader(loader, role=...)"
    )
    return Absent(reason=reason, kind="not_recorded")


def untrained() -> Absent:
    """No torch model was trained, as far as can be seen."""
    other = next((name for name in OTHER_FRAMEWORKS if name in sys.modules), None)
    if other is not None:
        reason = f"{NOTHING_TRAINED}, but {other} is loaded and cannot be observed"
        return Absent(reason=reason, kind="not_recorded")
    return Absent(reason=NOTHING_TRAINED, kind="not_applicable")
