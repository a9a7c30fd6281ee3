"""Reads weights from a file, and keeps what they can be recognised by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from repro.digest import digest_file
from repro.facts.fact import Absent
from repro.observe.observer import observed
from repro.observe.weights import fingerprint, is_constant

NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class LoadedFile:
    """A file of weights that the script has read."""

    content: Any
    name: str
    digest: str | None  # None: it could not be read as a file, only by torch
    weights_only: bool
    parent: str | None
    fingerprints: frozenset[str]  # of its tensors, those of one value aside


def read(
    path: str | PathLike[str], parent: str | None = None, options: Mapping[str, Any] = NO_OPTIONS
) -> LoadedFile:
    """What `torch.load` returns with these options, and a look at it, which may fail unnoticed."""
    import torch

    digest = observed(digest_file, Path(path))
    content = torch.load(path, **{"weights_only": True, **options})
    found = observed(lambda: frozenset(_fingerprints(content)))
    return LoadedFile(
        content=content,
        name=Path(path).name,
        digest=None if isinstance(digest, Absent) else digest,
        weights_only=options.get("weights_only") is not False,
        parent=parent,
        fingerprints=frozenset() if isinstance(found, Absent) else found,
    )


def _fingerprints(content: Any) -> Iterator[str]:
    for tensor in _tensors(content):
        found = None if is_constant(tensor) else fingerprint(tensor)
        if found is not None:
            yield found


def _tensors(content: Any) -> Iterator[Any]:
    """Every tensor of a state, a checkpoint that holds states, or a module."""
    import torch

    if isinstance(content, torch.Tensor):
        yield content
    elif isinstance(content, torch.nn.Module):
        yield from content.state_dict().values()
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _tensors(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _tensors(value)
