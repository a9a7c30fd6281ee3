"""Counts what a training loop does: batches, samples, backward passes and optimizer steps."""

from collections import Counter
from typing import Any
from weakref import ref


class Counting:
    """Batches that a model learned from, and how many of them went into each optimizer step.

    A batch is what a loader of ours hands out, or else what the model is called with. The same
    tensor again is the same batch: closures, sharpness-aware steps and second losses look at one
    batch several times. How many backward passes a step took is counted for itself; where there
    were more batches than passes, those before the last belong to no pass of their own: two views
    of one batch, a look at the loss, a list that is made of the loader.
    """

    def __init__(self) -> None:
        self.micro: Counter[int] = Counter()  # batches by size
        self.accumulation: Counter[int] = Counter()  # steps by number of batches
        self.effective: Counter[int] = Counter()  # steps by number of samples
        self.backwards: Counter[int] = Counter()  # steps by number of backward passes
        self._since_step: list[int] = []
        self.n_backwards = 0  # since the last step
        self._handed: int | None = None  # samples of the loader's last batch, not yet counted
        self._is_evaluating = False  # the model has only been evaluated since then
        self._last: tuple[Any, int] | None = None  # the last input, and its version

    def handed_out(self, n_samples: int) -> None:
        """The loader hands a batch to the loop; whether it is trained on is seen later."""
        self.settle()
        self._handed, self._is_evaluating = n_samples, False

    def evaluated(self) -> None:
        """The model was called without learning."""
        self._is_evaluating = self._handed is not None

    def learned(self) -> None:
        """The model was called in order to learn, or a backward pass came through."""
        self._is_evaluating = False
        self.settle()

    def called_with(self, tensor: Any) -> None:
        """The model was called in order to learn, and no loader of ours counts the batches."""
        version = -1 if tensor.is_inference() else int(tensor._version)  # refilled: another batch
        if self._last is None or self._last[0]() is not tensor or self._last[1] != version:
            self._count(int(tensor.shape[0]))
        self._last = ref(tensor), version

    def went_backward(self) -> None:
        """A backward pass came through the model."""
        self.learned()
        self.n_backwards += 1

    def settle(self) -> None:
        """Count the batch that was handed out last, unless it was only evaluated."""
        if self._handed is not None and not self._is_evaluating:
            self._count(self._handed)
        self._handed = None

    def stepped(self) -> None:
        """The optimizer has stepped: on the last batch, whatever was seen of it."""
        self.learned()
        learned = self._since_step[-self.n_backwards :]  # all, if no pass could be seen
        if learned:
            self.accumulation[len(learned)] += 1
            self.effective[sum(learned)] += 1
        if self.n_backwards:
            self.backwards[self.n_backwards] += 1
        self._since_step.clear()
        self.n_backwards, self._last = 0, None

    def _count(self, n_samples: int) -> None:
        self.micro[n_samples] += 1
        self._since_step.append(n_samples)


def most_frequent(counts: Counter[int]) -> int:
    """The value that was counted most often; of several the first seen."""
    return counts.most_common(1)[0][0]
