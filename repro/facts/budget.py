"""How much training a run got."""

from typing import Any, ClassVar

from repro.facts.fact import Fact


class Budget(Fact):
    """Counted while training, not declared."""

    VERSION: ClassVar = 2

    # Steps follow from samples and batching.effective, epochs from samples and training rows: those
    # are compared themselves.
    IGNORED: ClassVar = (
        "budget.wall_seconds",
        "budget.n_steps",
        "budget.n_batches",
        "budget.n_epochs",
    )

    # A last batch that was dropped, a step that a gradient scaler skipped: no other training.
    TOLERANCE: ClassVar = {"budget.n_samples": 0.01}

    # Folds differ in size by a row.
    PER_REPLICATE: ClassVar = ("budget.n_samples", "budget.n_epochs")

    n_steps: int | None = None  # optimizer steps; None: nothing to count
    n_batches: int | None = None  # of this process
    n_samples: int | None = None  # of all processes; rows that were only evaluated do not count
    n_epochs: float | None = None  # samples / rows of the train role
    n_test_reads: int = 0  # scores taken on the test role
    wall_seconds: float

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 counted the samples of one process; nearly all runs have one."""
        return data


EXAMPLE = Budget(
    n_steps=55, n_batches=55, n_samples=6735, n_epochs=5.0, n_test_reads=1, wall_seconds=2.5
)
