"""Threads, processes and workers that draw from generators which are not theirs alone."""

import functools
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from threading import Thread
from typing import Any

from repro.determinism.loader import WorkerSeeds
from repro.observe.entropy_draws import global_draws, uses_attribute

POOLS = ("ProcessPoolExecutor", "Pool")
READS = ("__getitem__", "__getitems__", "__iter__", "__call__", "forward")
HOLDERS = ("transform", "transforms", "target_transform", "dataset")  # that hold a transform


def described(library: str) -> str:
    """What a draw from a global generator is called."""
    return {"python": "random", "numpy": "numpy.random"}.get(library, library)


class Tasks:
    """Those of one run."""

    def __init__(self) -> None:
        self._threads: weakref.WeakKeyDictionary[Thread, frozenset[str]] = (
            weakref.WeakKeyDictionary()
        )
        self._starts: Counter[str] = Counter()

    def shared_by_threads(self, starter: Any, args: tuple[Any, ...]) -> frozenset[str]:
        """Libraries from whose global generator this thread draws, and another one, too."""
        if isinstance(starter, Thread):
            draws = global_draws(getattr(starter, "_target", None))
            alive = [known for thread, known in self._threads.items() if thread.is_alive()]
            self._threads[starter] = draws
            return frozenset(one for one in draws if any(one in known for known in alive))
        sizes = (getattr(starter, name, None) for name in ("_max_workers", "_processes"))
        if is_process_starter(starter) or max(size or 1 for size in sizes) < 2:
            return frozenset()
        return global_draws(next(iter(args), None))

    def unseeded_in_child(self, starter: Any, args: tuple[Any, ...]) -> frozenset[str]:
        """Libraries whose global generator a child process draws from without seeding it."""
        if not is_process_starter(starter) or getattr(starter, "_initializer", None) is not None:
            return frozenset()
        if any(kind in _kinds(starter) for kind in POOLS):
            return global_draws(next(iter(args), None))
        draws = global_draws(getattr(starter, "_target", None))
        is_forked = getattr(starter, "_start_method", None) in ("fork", None)
        alone = {one for one in draws - {"python"} if is_forked and not self._starts[one]}
        self._starts.update(draws)
        return draws - alone  # the first one goes on with the numbers that it was forked with


def is_process_starter(starter: Any) -> bool:
    """Whether what it starts runs in a process of its own."""
    kinds = _kinds(starter)
    return "ThreadPool" not in kinds and any(one in kinds for one in (*POOLS, "BaseProcess"))


def _kinds(starter: Any) -> tuple[str, ...]:
    return tuple(kind.__name__ for kind in type(starter).__mro__)


def copied_generators(loader: Any) -> Iterator[str]:
    """Attributes of a loader's dataset that each of several workers would draw the same from."""
    if loader.num_workers < 2 or _is_set_up(loader.worker_init_fn):
        return
    for path, holder in _holders(loader.dataset):
        for name, value in sorted(getattr(holder, "__dict__", {}).items()):
            if _is_generator(value) and uses_attribute(type(holder), READS, name):
                yield f"{path}.{name}"


def _is_set_up(init: Any) -> bool:
    """Whether a function of the user's is called in each worker: it may give it a generator."""
    return (init.then if isinstance(init, WorkerSeeds) else init) is not None


def _holders(dataset: Any) -> Iterator[tuple[str, Any]]:
    waiting = [(type(dataset).__name__, dataset)]
    seen = set[int]()
    while waiting:
        path, holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        yield path, holder
        held = getattr(holder, "__dict__", {})
        for name in HOLDERS:
            inner = held.get(name)
            several = inner if isinstance(inner, (list, tuple)) else [inner]
            waiting += [(f"{path}.{name}", one) for one in several if hasattr(one, "__dict__")]


def _is_generator(value: Any) -> bool:
    return isinstance(value, _generator_kinds())


@functools.cache
def _generator_kinds() -> tuple[type, ...]:
    import random

    import numpy as np

    return (random.Random, np.random.Generator, np.random.RandomState, *_of_torch())


def _of_torch() -> tuple[type, ...]:
    torch = sys.modules.get("torch")
    return () if torch is None else (torch.Generator,)
