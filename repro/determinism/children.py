"""Child processes: each seeded by itself; and tasks, seeded wherever they run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import current_process
from operator import index
from typing import Any, Generic, TypeVar

from repro.determinism.controlled import Controlled
from repro.determinism.ranked import rank
from repro.determinism.seeds import derive_seed
from repro.determinism.switches import Mode
from repro.errors import UsageError

R = TypeVar("R")


@dataclass(frozen=True)
class ChildInit:
    """Initializer of a pool: seeds each of its processes apart, and sets the switches there.

    The n-th process that the parent has started gets the n-th seed. Which of them does which task
    is a matter of timing in every pool: what must repeat goes through `Seeded`.
    """

    seed: int
    mode: Mode
    rank: int = field(default_factory=rank)
    parent: int = field(default_factory=os.getpid)

    def __call__(self) -> None:
        """For the rest of the process, which is nobody's but the pool's."""
        if os.getpid() == self.parent:
            raise UsageError(
                "child_init was called in the process of the run, whose generators it would seed "
                "anew. Use it in a pool of processes; for threads, pass generators to the tasks."
            )
        number = current_process()._identity
        Controlled(derive_seed(self.seed, "child", self.rank, *number), self.mode).enter()


@dataclass(frozen=True)
class Seeded(Generic[R]):
    """A function whose first argument names the task, and with it what every generator draws.

    So the numbers are the same in this process, in any pool of processes, and in any order; 1 ms
    a call. Not for threads: they share the generators.
    """

    function: Callable[..., R]
    seed: int
    mode: Mode

    def __call__(self, task: int | str, *args: Any, **kwargs: Any) -> R:
        """Call it with every generator seeded by the task, and give the generators back."""
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        with Controlled(derive_seed(self.seed, "task", name, _key(task)), self.mode):
            return self.function(task, *args, **kwargs)


def _key(task: object) -> int | str:
    if isinstance(task, str):
        return task
    try:
        return index(task)  # type: ignore[arg-type]  # what it refuses is refused below
    except TypeError:
        raise UsageError(
            f"A seeded function was called with a {type(task).__name__} first: that names no task. "
            f"Pass a whole number or a text first, which no other task has."
        ) from None
