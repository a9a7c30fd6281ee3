"""Looks at torch Datasets that compute their items one by one."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from repro.determinism import isolated
from repro.determinism.generators import generators_of, seed_generators
from repro.digest import Block, Table
from repro.digest.cells import plain_array
from repro.digest.columns import array_blocks, objects_block
from repro.digest.words import NUMBERS
from repro.errors import UnsupportedData

ITEMS = 50_000  # items read of one data set
BYTES = 2**30  # of their content, held at once


def items_table(dataset: Any) -> tuple[Table, float]:
    """The items as rows, and the share of them that was read.

    Beyond 50,000 items or 1 GiB a sample is read, spread evenly over the whole and always the
    same. Before each item the global generators are seeded alike: an item that is augmented at
    random is the same row wherever it stands, and whatever the seed of the run.

    Afterwards the generators, the attributes of the data set, of those inside it and of their
    transforms, and the lists and dicts in these attributes are as they were.

    Raises
    ------
    UnsupportedData
        There are no items, or one has no content that can be told.
    """
    n_items = len(dataset)
    if n_items == 0:
        raise UnsupportedData(f"{type(dataset).__name__} has no items.")
    with isolated(), _untouched(dataset):
        read = _reader(dataset)
        n_read = min(n_items, ITEMS, max(1, BYTES // max(1, _size(read(0)))))
        items = [read(i * n_items // n_read) for i in range(n_read)]
    return _as_table(type(dataset).__name__, items), n_read / n_items


def parts_of(item: Any) -> tuple[Any, ...]:
    """What a sample or a batch is made of: first the features, then the labels."""
    if isinstance(item, Mapping):
        return tuple(item.values())
    return tuple(item) if isinstance(item, tuple | list) else (item,)


def _reader(dataset: Any) -> Callable[[int], tuple[Any, ...]]:
    """Reads an item by its index, the global generators in the same state before each."""
    seed_generators("torch", 0)
    # To seed torch again would take 0.3 ms an item, to write the state back 0.5 us.
    torch = [(g, g.read()) for g in generators_of("torch") if g.name == "torch"]

    def read(index: int) -> tuple[Any, ...]:
        seed_generators("random", 0)
        seed_generators("numpy", 0)
        for generator, state in torch:
            generator.write(state)
        return parts_of(dataset[index])

    return read


def _size(item: tuple[Any, ...]) -> int:
    """Bytes of the arrays in an item."""
    return sum(plain_array(part).nbytes for part in item if hasattr(part, "shape"))


def _as_table(kind: str, items: Sequence[tuple[Any, ...]]) -> Table:
    if len({len(item) for item in items}) > 1:  # no parts in common: each item as a whole
        items = [(list(item),) for item in items]
    first, *others = (_blocks(part, index) for index, part in enumerate(zip(*items, strict=True)))
    return Table(kind, first, tuple(block for blocks in others for block in blocks))


def _blocks(values: Sequence[Any], index: int) -> tuple[Block, ...]:
    """One part of every item; where shapes or types differ, by the hash of each."""
    name = "x" if index == 0 else "label"
    if all(isinstance(value, int | float | complex) or _is_array(value) for value in values):
        arrays = [plain_array(value) for value in values]
        same = {(array.shape, array.dtype) for array in arrays}
        if len(same) == 1 and arrays[0].dtype.kind in NUMBERS:
            return array_blocks(np.stack(arrays), name)
    return (objects_block(f"{name}[]", values),)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


@contextmanager
def _untouched(dataset: Any) -> Iterator[None]:
    """Inside, items may be read: what they changed in the data set is put back."""
    with ExitStack() as stack:
        for holder in _holders(dataset, set()):
            attributes = vars(holder)
            for value in (attributes, *attributes.values()):
                restore = _restoring(value)
                if restore is not None:
                    stack.callback(restore)
        yield


def _holders(holder: Any, known: set[int]) -> Iterator[Any]:
    """The data set, and every data set and transform inside it."""
    if id(holder) in known or not hasattr(holder, "__dict__"):
        return
    known.add(id(holder))
    yield holder
    for value in list(vars(holder).values()):
        for inner in value if isinstance(value, list | tuple) else (value,):
            if hasattr(inner, "__getitem__") or (callable(inner) and not isinstance(inner, type)):
                yield from _holders(inner, known)


def _restoring(value: Any) -> Callable[[], object] | None:
    """Puts a container or a generator back; None for anything else."""
    if isinstance(value, list):
        return _refilling(value, list(value), list.clear, list.extend)
    if isinstance(value, dict):
        return _refilling(value, dict(value), dict.clear, dict.update)
    if isinstance(value, set):
        return _refilling(value, set(value), set.clear, set.update)
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator
        return partial(setattr, bits, "state", bits.state)
    if hasattr(value, "get_state") and hasattr(value, "set_state"):  # RandomState, torch.Generator
        return partial(value.set_state, value.get_state())
    return None


def _refilling(
    value: Any, content: Any, clear: Callable[[Any], object], fill: Callable[[Any, Any], object]
) -> Callable[[], object]:
    def refill() -> None:
        clear(value)  # the plain methods: those of a subclass may count, or drop what is old
        fill(value, content)

    return refill
