"""States of generators in a form that any reader of tensors can read, and takes no code to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from repro.determinism.generators import GENERATORS, imported_generators
from repro.errors import CheckpointUnusable

if TYPE_CHECKING:
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
        with refusing(generator.name):
            if generator.name == "numpy":
                generator.write(_of_numpy(state))
            else:
                _refuse_fewer(generator.name, state)
                generator.write(state)


def is_generator(value: object) -> bool:
    """Whether it is a generator of random numbers whose state can be read."""
    kinds = (("random", "Random"), ("torch", "Generator"))
    arrays = (("numpy.random", "Generator"), ("numpy.random", "RandomState"))
    found = (getattr(sys.modules.get(name), kind, None) for name, kind in (*kinds, *arrays))
    return any(kind is not None and isinstance(value, kind) for kind in found)


def state_of(generator: Any) -> Plain:
    """State of one generator of torch, numpy or Python."""
    if hasattr(generator, "getstate"):
        return generator.getstate()
    if hasattr(generator, "bit_generator"):
        return _without_arrays(generator.bit_generator.state)
    state = generator.get_state(legacy=False) if hasattr(generator, "randn") else None
    return generator.get_state() if state is None else _without_arrays(state)


def put_state(name: str, generator: Any, state: Plain) -> None:
    """Bring one generator to a state that `state_of` told.

    Raises
    ------
    CheckpointUnusable
        It is the state of another kind of generator, or none.
    """
    with refusing(name):
        if hasattr(generator, "setstate"):
            generator.setstate(state)
        elif hasattr(generator, "bit_generator"):
            generator.bit_generator.state = _with_arrays(state)
        else:
            generator.set_state(_with_arrays(state) if isinstance(state, Mapping) else state)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """A block in which the state of this generator is put back."""
    try:
        yield
    except CheckpointUnusable:
        raise
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise CheckpointUnusable(
            f"the state of generator {name} in the checkpoint does not fit: {why}. "
            f"Make the generator as the run did, or go on from another checkpoint."
        ) from error


def is_same(left: Plain, right: Plain) -> bool:
    """Whether two states are one, bit for bit."""
    import torch

    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return _is_same_tensor(left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(is_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, torch.Tensor) or isinstance(right, torch.Tensor):
        return False
    is_nan = left != left and right != right  # the way to ask any type
    return bool(is_nan or left == right)


def _is_same_tensor(left: torch.Tensor, right: torch.Tensor) -> bool:
    import torch

    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.layout is not torch.strided or right.layout is not torch.strided or left.is_quantized:
        return bool(torch.equal(left.cpu(), right.cpu()))
    bits = (one.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for one in (left, right))
    return torch.equal(*bits)


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
