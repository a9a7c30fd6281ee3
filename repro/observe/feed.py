"""Lets a run see what its loaders hand out."""

from typing import Any
from weakref import ref

from repro.errors import UsageError
from repro.observe.audience import Audience
from repro.observe.data_book import DataBook
from repro.observe.loader import CountedLoader, WatchedLoader, Witness
from repro.observe.training import Training

TRAIN = "train"


class Listener:
    """Tells the techniques of a run about one loader."""

    def __init__(self, audience: Audience, loader: Any, role: str) -> None:
        self._audience = audience
        self._loader = ref(loader)  # which holds this listener
        self._role = role

    def begin(self) -> None:
        """A pass over the data begins."""
        self._audience.tell("began", self._loader(), self._role)

    def saw(self, batch: Any) -> None:
        """A batch is handed out."""
        self._audience.tell("batch", batch, self._role)

    def end(self) -> None:
        """The pass came to its end."""


def connect(
    loader: CountedLoader | WatchedLoader, role: str, training: Training, stream: Witness | None
) -> None:
    """Show what a loader hands out to the training, to its techniques, and to a stream."""
    loader.stream = stream
    loader.listener = Listener(training.audience, loader, role)
    training.audience.tell("fed", loader, role)
    if role == TRAIN:
        loader.on_batch = training.saw_batch
        training.feeds(loader)


def watched(loader: Any, role: str, training: Training, book: DataBook) -> Any:
    """The loader in a wrapper that is connected; one of ours as it is.

    Raises
    ------
    UsageError
        It has no batches.
    """
    if isinstance(loader, CountedLoader | WatchedLoader):
        return loader
    if not hasattr(loader, "__iter__"):
        raise UsageError(
            f"watch_loader got a {type(loader).__name__}, which has no batches. "
            f"Pass a DataLoader, or whatever `for batch in loader` can go through."
        )
    wrapped = WatchedLoader(loader)
    connect(wrapped, role, training, book.stream(role, getattr(loader, "dataset", None)))
    return wrapped
