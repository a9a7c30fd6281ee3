"""A DataLoader whose order and whose workers follow from one seed and a role."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from repro.determinism.arrival import is_imported
from repro.determinism.seeds import derive_seed
from repro.determinism.streams import torch_generator

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerSeeds:
    """Seeds one worker of a DataLoader, anew in each epoch; a class, so that it can be pickled."""

    role: str
    then: Callable[[int], object] | None = None  # the user's own worker_init_fn

    def __call__(self, worker_id: int) -> None:
        """Seed python, torch and numpy apart; then do what the user asked for."""
        import torch
        from torch.utils.data import get_worker_info

        info = get_worker_info()
        assert info is not None  # torch calls this inside a worker only
        epoch_seed = info.seed - worker_id  # torch draws it from the loader's generator
        name = (self.role, "worker", worker_id)
        random.seed(derive_seed(epoch_seed, *name, "python"))
        torch.manual_seed(derive_seed(epoch_seed, *name, "torch"))
        if is_imported("numpy"):
            import numpy as np

            np.random.seed(derive_seed(epoch_seed, *name, "numpy", bits=32))
        if self.then is not None:
            self.then(worker_id)


def seeded_loader(
    dataset: Dataset[T],
    *,
    seed: int,
    role: str,
    loader_class: type[DataLoader[T]] | None = None,
    **options: Any,
) -> DataLoader[T]:
    """DataLoader with its own generator, so that nothing else that draws changes its batches.

    With `num_workers=0` the dataset runs in this process and draws from its global generators:
    then its random augmentation repeats where those are seeded, as inside `Controlled`.

    Parameters
    ----------
    role : such as "train" or "test"
        Loaders of different roles draw different numbers.
    loader_class : by default `torch.utils.data.DataLoader` itself
    options : all others of `torch.utils.data.DataLoader`
        A `generator` of yours is used as it is; a `worker_init_fn` of yours runs after ours.
    """
    from torch.utils.data import DataLoader

    if options.get("generator") is None:
        options["generator"] = torch_generator(seed, f"loader/{role}")
    options["worker_init_fn"] = WorkerSeeds(role, then=options.get("worker_init_fn"))
    return (loader_class or DataLoader)(dataset, **options)
