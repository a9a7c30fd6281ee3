"""Generators of one's own, by name; and blocks that leave the global ones untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING

from repro.determinism.generators import imported_generators
from repro.determinism.seeds import derive_seed

if TYPE_CHECKING:
    import numpy as np
    import torch


def numpy_rng(seed: int, name: str) -> np.random.Generator:
    """Generator that depends on seed and name only: a new one disturbs none of the others."""
    import numpy as np

    return np.random.default_rng(derive_seed(seed, "numpy", name))


def torch_generator(seed: int, name: str) -> torch.Generator:
    """Generator on the CPU that depends on seed and name only."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, "torch", name))


@dataclass(frozen=True)
class SampleRng:
    """A generator for each sample, which depends on the seed, the sample and the epoch only.

    What draws from it is the same for any number of workers, in any order, and after a resume in
    the middle of an epoch. It knows no run: a dataset may hold it and go to any worker; 20 us.
    """

    seed: int

    def __call__(self, sample: int, epoch: int = 0) -> np.random.Generator:
        """New generator, at its start each time; pass the epoch, or every epoch draws the same."""
        import numpy as np

        return np.random.default_rng(derive_seed(self.seed, index(epoch), index(sample)))


@contextmanager
def isolated() -> Iterator[None]:
    """Inside, draw as you like: afterwards every global generator is where it was before.

    Around evaluation and logging, so that doing them more or less often changes no training. A
    library that is imported inside for the first time is not covered.
    """
    with ExitStack() as stack:
        for generator in imported_generators():
            stack.callback(generator.write, generator.read())
        yield
