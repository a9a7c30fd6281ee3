"""How many samples one optimizer step saw."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact


class Batching(Fact):
    """Counted while training, not declared."""

    VERSION: ClassVar = 2
    # One sum of two losses, or two backward passes: the gradient is the same.
    IGNORED: ClassVar = ("batching.n_workers", "batching.observed_from", "batching.backwards")

    micro: int  # samples in one batch: the most frequent size
    accumulation: int  # batches for each optimizer step: the most frequent number
    world: int = 1  # processes that average their gradients
    effective: int  # samples in one optimizer step over all processes
    observed_from: Literal["loader", "forward"]
    shuffle: bool | None = None  # None: no loader was seen
    drop_last: bool | None = None
    n_workers: int | None = None
    backwards: int | None = None  # passes for each optimizer step: the most frequent number

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 did not count backward passes."""
        return data


EXAMPLE = Batching(
    micro=128,
    accumulation=1,
    effective=128,
    observed_from="loader",
    shuffle=True,
    drop_last=False,
    backwards=1,
)
