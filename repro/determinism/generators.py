"""The global generators of random numbers: seeded, read, and put back bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from repro.determinism.arrival import is_imported

State = Any  # opaque: whatever the library hands out


@dataclass(frozen=True)
class GlobalGenerator:
    """A generator that a whole process shares."""

    name: str
    module: str  # must be imported for the generator to exist
    read: Callable[[], State]
    write: Callable[[State], object]


def generators_of(module: str) -> tuple[GlobalGenerator, ...]:
    """Generators that `module` brings along; none when it is not imported."""
    if not is_imported(module):
        return ()
    return tuple(generator for generator in GENERATORS if generator.module == module)


def imported_generators() -> tuple[GlobalGenerator, ...]:
    """All that exist: those whose module is imported."""
    return tuple(generator for generator in GENERATORS if is_imported(generator.module))


def seed_generators(module: str, seed: int) -> tuple[str, ...]:
    """Seed the generators of one imported module as a user would by hand; their names."""
    if module not in _SEEDED_BY or not is_imported(module):
        return ()
    return _SEEDED_BY[module](seed)


def _seed_python(seed: int) -> tuple[str, ...]:
    random.seed(seed)
    return ("python",)


def _seed_numpy(seed: int) -> tuple[str, ...]:
    import numpy as np

    if not isinstance(np.random.mtrand.get_bit_generator(), np.random.MT19937):
        return ()  # put there by the user; numpy cannot seed it anew
    np.random.seed(seed % 2**32)
    return ("numpy",)


def _seed_torch(seed: int) -> tuple[str, ...]:
    import torch

    # Every accelerator, too; one that has not started is seeded when it does.
    torch.manual_seed(seed)
    accelerators = {"cuda": torch.cuda, "mps": torch.mps, "xpu": torch.xpu}
    return (
        "torch",
        *(
            f"torch.{name}:{index}"
            for name, accelerator in accelerators.items()
            for index in range(accelerator.device_count())
        ),
    )


def _read_numpy() -> State:
    import numpy as np

    # By way of mtrand: the stubs of numpy.random do not export it.
    return np.random.mtrand.get_bit_generator(), np.random.get_state(legacy=False)


def _write_numpy(state: State) -> None:
    import numpy as np

    bit_generator, values = state
    if np.random.mtrand.get_bit_generator() is not bit_generator:
        np.random.mtrand.set_bit_generator(bit_generator)
    np.random.set_state(values)


def _read_torch() -> State:
    import torch

    return torch.get_rng_state()


def _write_torch(state: State) -> None:
    import torch

    torch.set_rng_state(state)


def _read_lazy(name: str) -> State:
    """States of all devices or, before the accelerator starts, the seeds that wait for it.

    Asking a device for its state would start the accelerator, which costs seconds and memory and
    forbids to fork.
    """
    import torch

    accelerator = getattr(torch, name)
    if accelerator.is_initialized():
        return accelerator.get_rng_state_all()
    return dict(vars(accelerator._lazy_seed_tracker))


def _write_lazy(name: str, state: State) -> None:
    import torch

    accelerator = getattr(torch, name)
    if isinstance(state, list):
        accelerator.set_rng_state_all(state)
    elif not accelerator.is_initialized():
        vars(accelerator._lazy_seed_tracker).update(state)
    else:
        _start_again(accelerator, state)


def _start_again(accelerator: Any, waiting: Mapping[str, Any]) -> None:
    """Leave an accelerator that started meanwhile as it would have started on its own.

    It draws its seed from the operating system, then runs the seeding that waited for it.
    """
    accelerator.seed_all()
    for queued in waiting["call_order"]:
        if queued is not None:
            seed_device, _traceback = queued
            seed_device()


def _read_mps() -> State:
    import torch

    return torch.mps.get_rng_state() if torch.backends.mps.is_available() else None


def _write_mps(state: State) -> None:
    import torch

    if state is not None:
        torch.mps.set_rng_state(state)


_SEEDED_BY: Mapping[str, Callable[[int], tuple[str, ...]]] = {
    "random": _seed_python,
    "numpy": _seed_numpy,
    "torch": _seed_torch,
}

GENERATORS: tuple[GlobalGenerator, ...] = (
    GlobalGenerator("python", "random", random.getstate, random.setstate),
    GlobalGenerator("numpy", "numpy", _read_numpy, _write_numpy),
    GlobalGenerator("torch", "torch", _read_torch, _write_torch),
    GlobalGenerator("torch.mps", "torch", _read_mps, _write_mps),
    *(
        GlobalGenerator(
            f"torch.{name}",
            "torch",
            partial(_read_lazy, name),
            partial(_write_lazy, name),
        )
        for name in ("cuda", "xpu")
    ),
)
