"""Loaders that tell how many samples each batch held, and show every batch to who wants to look."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader

from repro.determinism.loader_state import Pass, Progress
from repro.facts.fact import Absent
from repro.observe.observer import observed

OURS = ("loader", "on_batch", "stream", "listener", "progress")  # all else: the loader's


class Witness(Protocol):
    """Who looks at every batch before the training loop gets it."""

    def begin(self) -> None:
        """A pass over the data begins."""

    def saw(self, batch: Any) -> None:
        """A batch is handed out."""

    def end(self) -> None:
        """The pass came to its end."""


class CountedLoader(DataLoader[Any]):
    """Reports the size of every batch in the moment the training loop gets it."""

    on_batch: Callable[[int], None] | None = None
    stream: Witness | None = None
    listener: Witness | None = None
    progress: Progress | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # an iterator is all loops need
        return _begun(super().__iter__, self)


class WatchedLoader:
    """The same for a loader that was made elsewhere; for all else it is that loader."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.on_batch: Callable[[int], None] | None = None
        self.stream: Witness | None = None
        self.listener: Witness | None = None
        self.progress: Progress | None = None

    def __iter__(self) -> Iterator[Any]:
        return _begun(partial(iter, self.loader), self)

    def __len__(self) -> int:
        return len(self.loader)

    def __bool__(self) -> bool:  # or a loader without a length would be asked for one
        return bool(self.loader)

    def __setattr__(self, name: str, value: Any) -> None:
        """What the training sets, such as the number of the epoch, is meant for the loader."""
        if name in OURS:
            object.__setattr__(self, name, value)
        else:
            setattr(self.loader, name, value)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # while it is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.loader, name)


def _begun(
    start: Callable[[], Iterator[Any]], loader: CountedLoader | WatchedLoader
) -> Iterator[Any]:
    """A pass, which a checkpoint may have to go on with."""
    progress = loader.progress
    batches, at = (start(), Pass(None)) if progress is None else progress.begin(start)
    return _handed_out(batches, at, loader)


def _handed_out(
    batches: Iterator[Any], at: Pass, loader: CountedLoader | WatchedLoader
) -> Iterator[Any]:
    stream = loader.stream if at.n_drawn == 0 else None  # the rest of a pass is not all of its rows
    witnesses = [one for one in (stream, loader.listener) if one is not None]
    for one in witnesses:
        one.begin()
    for batch in batches:
        at.n_drawn += 1
        for one in witnesses:
            one.saw(batch)
        if loader.on_batch is not None:
            size = observed(batch_size, batch)
            if not isinstance(size, Absent):  # else nobody can tell it
                loader.on_batch(size)
        yield batch
    for one in witnesses:
        one.end()


def batch_size(batch: Any) -> int:
    """Rows of the first tensor, or the length of the first collection, inside a batch."""
    if isinstance(batch, torch.Tensor):
        return int(batch.size(0)) if batch.ndim else 1  # a nested one has no `shape`
    if isinstance(batch, Mapping):
        return batch_size(next(iter(batch.values()), ()))
    if isinstance(batch, tuple | list) and batch and not isinstance(batch[0], str | int | float):
        return batch_size(batch[0])
    try:
        return len(batch)
    except TypeError:  # an array of no dimension has `__len__`, and no length
        return 1
