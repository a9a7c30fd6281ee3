"""A DataLoader whose order and whose workers follow from one seed and a role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from repro.determinism.controlled import Controlled
from repro.determinism.ranked import rank
from repro.determinism.seeds import derive_seed
from repro.determinism.streams import torch_generator
from repro.determinism.switches import Mode

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerSeeds:
    """Seeds one worker of a DataLoader, anew in each epoch, and sets the switches there.

    A class, so that it can be pickled; a `worker_init_fn` for loaders of any making.
    """

    role: str
    mode: Mode = "strict"
    then: Callable[[int], object] | None = None  # the user's own worker_init_fn
    rank: int = field(default_factory=rank)

    def __call__(self, worker_id: int) -> None:
        """Seed every generator; then do what the user asked for."""
        from torch.utils.data import get_worker_info

        info = get_worker_info()
        assert info is not None  # torch calls this inside a worker only
        epoch_seed = info.seed - worker_id  # torch draws it from the loader's generator
        own = derive_seed(epoch_seed, self.role, "rank", self.rank, "worker", worker_id)
        Controlled(own, self.mode).enter()  # for the rest of the process
        if self.then is not None:
            self.then(worker_id)


def seeded_loader(
    dataset: Dataset[T],
    *,
    seed: int,
    role: str,
    mode: Mode = "strict",
    loader_class: type[DataLoader[T]] | None = None,
    **options: Any,
) -> DataLoader[T]:
    """DataLoader with its own generator, so that nothing else that draws changes its batches.

    With `num_workers=0` the dataset runs in this process and draws from its global generators:
    then its random augmentation repeats where those are seeded, as inside `Controlled`. It is the
    same for any number of workers only where it draws from a `SampleRng`.

    Parameters
    ----------
    role : such as "train" or "test"
        Loaders of different roles draw different numbers.
    mode
        Of the switches in the workers.
    loader_class : by default `torch.utils.data.DataLoader` itself
    options : all others of `torch.utils.data.DataLoader`
        A `generator` of yours is used as it is; a `worker_init_fn` of yours runs after ours.
    """
    from torch.utils.data import DataLoader

    if options.get("generator") is None:
        options["generator"] = torch_generator(seed, f"loader/{role}")
    options["worker_init_fn"] = WorkerSeeds(role, mode, then=options.get("worker_init_fn"))
    return (loader_class or DataLoader)(dataset, **options)
