"""What was there before the run's seed was set: a generator in use, models already made."""

import sys
import weakref
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

from repro.observe.entropy_place import frames_above, owner_of

# What nobody has seeded has a number of 64 random bits as its seed; a seed by hand is shorter.
SHORTEST_RANDOM = 2**53
MAX_VALUES = 2000  # of all frames


def is_torch_drawn() -> bool:
    """Whether torch's generator was drawn from and never seeded by hand.

    A generator nobody drew from is in the state that its seed gives.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or torch.initial_seed() < SHORTEST_RANDOM:
        return False
    fresh = torch.Generator().manual_seed(torch.initial_seed())
    return not torch.equal(torch.get_rng_state(), fresh.get_state())


class Models:
    """Torch models that the calling functions know when the block begins."""

    def __init__(self, frame: FrameType | None) -> None:
        self._versions = weakref.WeakKeyDictionary[Any, int]()
        torch = sys.modules.get("torch")
        if torch is not None:
            for value in _values(frame):
                if isinstance(value, torch.nn.Module):
                    self._versions[value] = _version(value)

    def trained(self) -> list[str]:
        """Classes of those whose parameters were changed in place since."""
        changed = (m for m, version in self._versions.items() if _version(m) > version)
        return sorted({type(model).__name__ for model in changed})


def _version(model: Any) -> int:
    """How often torch has changed the parameters in place."""
    return sum(parameter._version for parameter in model.parameters())


def _values(frame: FrameType | None) -> Iterator[object]:
    """The variables of the user's functions that run now, and what their objects hold."""
    n_left = MAX_VALUES
    for one in frames_above(frame):
        if owner_of(one.f_code.co_filename) != "user":
            continue
        for value in list(one.f_locals.values()):
            for found in (value, *_held(value)):
                if not n_left:
                    return
                n_left -= 1
                yield found


def _held(value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value[:MAX_VALUES])
    if isinstance(value, dict):
        return [] if len(value) > MAX_VALUES else list(value.values())
    if isinstance(value, (type, ModuleType)) or hasattr(value, "parameters"):
        return []
    return list(getattr(value, "__dict__", {}).values())
