"""States of generators in a form that any reader of tensors can read, and takes no code to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repro.determinism.generators import GENERATORS, imported_generators
from repro.errors import CheckpointUnusable

if TYPE_CHECKING:
    import numpy as np
    import torch

Plain = Any  # tensors, tuples, lists, dicts, text and numbers: what weights_only takes

UNSIGNED = {"int32": "uint32", "int64": "uint64"}  # the words of numpy's generators


def read_globals() -> dict[str, Plain]:
    """State of every global generator whose module is imported, by name."""
    return {one.name: _plain(one.name, one.read()) for one in imported_generators()}


def write_globals(states: Mapping[str, Plain]) -> None:
    """Bring the global generators to these states.

    An accelerator that had not started is left alone: it starts from the seed that waits for it.

    Raises
    ------
    CheckpointUnusable
        The machine has fewer accelerators than there are states, or numpy another generator.
    """
    for generator in GENERATORS:
        state = states.get(generator.name)
        if state is None:
            continue
        if generator.name == "numpy":
            generator.write(_of_numpy(state))
        else:
            _refuse_fewer(generator.name, state)
            generator.write(state)


def state_of(generator: np.random.Generator | torch.Generator) -> Plain:
    """State of one generator."""
    if hasattr(generator, "get_state"):
        return generator.get_state()
    return _without_arrays(generator.bit_generator.state)


def put_state(generator: np.random.Generator | torch.Generator, state: Plain) -> None:
    """Bring one generator to a state that `state_of` told."""
    if hasattr(generator, "set_state"):
        generator.set_state(state)
    else:
        generator.bit_generator.state = _with_arrays(state)


def is_same(left: Plain, right: Plain) -> bool:
    """Whether two states are one, bit for bit."""
    import torch

    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(is_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return bool(left == right)


def _plain(name: str, state: Any) -> Plain:
    if name == "numpy":
        _bit_generator, values = state
        return _without_arrays(values)
    is_waiting = isinstance(state, Mapping)  # the seeds of an accelerator that has not started
    return None if is_waiting else state


def _of_numpy(state: Plain) -> Any:
    import numpy as np

    current = np.random.mtrand.get_bit_generator()
    kind = type(current).__name__
    if state["bit_generator"] != kind:
        raise CheckpointUnusable(
            f"the checkpoint holds the state of numpy's global {state['bit_generator']}, but the "
            f"global generator is a {kind}. Set the one that the run had."
        )
    return current, _with_arrays(state)


def _refuse_fewer(name: str, state: Plain) -> None:
    """Refuse states of accelerators that this machine does not have."""
    import torch

    if isinstance(state, list):
        n_devices = getattr(torch, name.removeprefix("torch.")).device_count()
        if len(state) > n_devices:
            raise CheckpointUnusable(
                f"the checkpoint holds generators of {len(state)} devices of {name}, here are "
                f"{n_devices}: it cannot go on bit for bit. For the weights alone, read it with "
                f"run.load(path)['model']."
            )


def _without_arrays(value: Any) -> Plain:
    """Unsigned words as signed ones, which every torch can store."""
    import numpy as np
    import torch

    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.view(value.dtype.name.removeprefix("u")).copy())
    if isinstance(value, Mapping):
        return {key: _without_arrays(inner) for key, inner in value.items()}
    return value


def _with_arrays(value: Plain) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        words = value.numpy()
        return words.view(UNSIGNED[words.dtype.name])
    if isinstance(value, Mapping):
        return {key: _with_arrays(inner) for key, inner in value.items()}
    return value
