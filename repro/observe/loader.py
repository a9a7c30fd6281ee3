"""A DataLoader that tells how many samples each batch held."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader


class CountedLoader(DataLoader[Any]):
    """Reports the size of every batch in the moment the training loop gets it."""

    on_batch: Callable[[int], None] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # an iterator is all loops need
        for batch in super().__iter__():
            if self.on_batch is not None:
                self.on_batch(batch_size(batch))
            yield batch


def batch_size(batch: Any) -> int:
    """Rows of the first tensor, or the length of the first collection, inside a batch."""
    if isinstance(batch, torch.Tensor):
        return int(batch.shape[0]) if batch.ndim else 1
    if isinstance(batch, Mapping):
        return batch_size(next(iter(batch.values()), ()))
    if isinstance(batch, tuple | list) and batch and not isinstance(batch[0], str | int | float):
        return batch_size(batch[0])
    return len(batch) if hasattr(batch, "__len__") else 1
