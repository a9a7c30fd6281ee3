"""Finds what decides which rows a loader hands out, and in which order."""

from typing import Any


def sampler_of(loader: Any) -> Any | None:
    """The sampler that decides; None if the loader is not one of torch, or shows none.

    Around a batch sampler of the user's own, torch puts a sampler that is not asked.
    """
    batch_sampler = getattr(loader, "batch_sampler", None)
    if batch_sampler is None:
        return getattr(loader, "sampler", None)
    return getattr(batch_sampler, "sampler", batch_sampler)
