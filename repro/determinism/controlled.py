"""A block in which every global generator is seeded and every switch set; and given back after."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from threading import RLock, get_ident
from types import TracebackType
from typing import Self, get_args

from repro.determinism.arrival import Arrivals, is_imported
from repro.determinism.generators import GENERATORS, generators_of, seed_generators
from repro.determinism.seeds import MAX_SEED, derive_seed
from repro.determinism.switches import (
    SWITCHES,
    Mode,
    Value,
    give_back,
    read_switches,
    set_switch,
    switches_of,
)
from repro.errors import UsageError

_MODULES = tuple(dict.fromkeys([*(g.module for g in GENERATORS), *(s.module for s in SWITCHES)]))


_OPEN: list[Controlled] = []  # in the order of entering; blocks of threads and tasks may overlap
_LOCK = RLock()


@dataclass(frozen=True)
class Drift:
    """A switch that somebody changed inside the block."""

    before: Value
    after: Value  # when it was first seen
    step: int | None  # of the optimizer, which was about to be made; None: seen at no step


class Controlled:
    """Seeds all generators and sets all switches of a process; gives back what it found.

    What is imported only inside the block is seeded and switched in that moment, and goes back to
    the state it was imported with. Blocks nest, and one object may be entered again and again.

    Parameters
    ----------
    seed : 0 to 2**64 - 1
        Given as it is to `random.seed` and `torch.manual_seed`, and modulo 2**32 to
        `numpy.random.seed`, so that it can be used by hand.
    mode
        "strict" makes torch refuse operations that are not deterministic, "warn" makes it warn,
        "off" leaves every switch alone and only seeds.
    rank
        Of this process among those of one training: each draws other numbers, rank 0 those of
        `seed` itself.
    """

    def __init__(self, seed: int, mode: Mode = "strict", *, rank: int = 0) -> None:
        if not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise UsageError(f"seed is {seed!r}; it must be an integer from 0 to 2**64 - 1.")
        if mode not in get_args(Mode):
            raise UsageError(f"mode is {mode!r}; it must be one of: {', '.join(get_args(Mode))}.")
        self.seed = seed
        self.mode = mode
        self._own_seed = derive_seed(seed, "rank", rank) if rank else seed
        self._stack: ExitStack | None = None
        self._clear()

    def _clear(self) -> None:
        self._seeded: list[str] = []
        self._set_to: dict[str, Value] = {}
        self._failures: list[str] = []
        self._drift: dict[str, Drift] = {}
        self._thread = get_ident()

    def enter(self) -> Self:
        """Remember everything, then seed and set it."""
        if self._stack is not None:
            raise UsageError("This block was entered already; nest another Controlled(...) in it.")
        self._clear()
        self._stack = stack = ExitStack()
        with _LOCK:
            _OPEN.append(self)
        try:
            for module in filter(is_imported, _MODULES):
                self._take(module, stack)
            awaited = [module for module in _MODULES if not is_imported(module)]
            stack.enter_context(Arrivals({m: partial(self._take, m, stack) for m in awaited}))
        except BaseException:
            self.exit()
            raise
        return self

    def exit(self) -> None:
        """Give everything back, whatever happens to the single pieces.

        While a block that was entered later is still open, it does so at its end.
        """
        stack, self._stack = self._stack, None
        if stack is None:
            return
        with _LOCK:
            place = _OPEN.index(self)
            _OPEN.pop(place)
            later = _OPEN[place] if place < len(_OPEN) else None
            if later is not None and later._stack is not None:
                later._stack = _both(stack, later._stack)
                return
        stack.close()

    def _take(self, module: str, stack: ExitStack) -> None:
        """Remember, set and seed what one imported module brings along."""
        switches = switches_of(module)
        for switch in reversed(switches):  # a stack: given back in the order of the table
            stack.callback(self._attempt, switch.name, partial(give_back, switch, switch.look()))
        for generator in generators_of(module):
            write_back = partial(generator.write, generator.read())
            stack.callback(self._attempt, generator.name, write_back)
        for switch in switches:
            self._attempt(switch.name, partial(set_switch, switch, self.mode))
        self._seeded += seed_generators(module, self._own_seed)
        self._set_to |= read_switches(switches)

    def _attempt(self, name: str, change: Callable[[], object]) -> None:
        # One that fails must not keep the others from their values, nor end a finished training.
        try:
            change()
        except Exception as error:
            self._failures.append(f"{name}: {type(error).__name__}: {error}")
            warnings.warn(f"{name} could not be changed: {error}", RuntimeWarning, stacklevel=2)

    def __enter__(self) -> Self:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.exit()

    @property
    def seeded(self) -> tuple[str, ...]:
        """Names of the generators that were seeded: python, numpy, torch, torch.cuda:0, ..."""
        return tuple(self._seeded)

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be set or given back, and why."""
        return tuple(self._failures)

    def switches_at_start(self) -> dict[str, Value]:
        """Switches as they were in effect after they were set, or after their module arrived."""
        return dict(self._set_to)

    def look(self, step: int | None = None) -> bool:
        """Compare the switches with those of the start, 70 us; whether one more has drifted.

        On another thread than entered, those that belong to a thread are left out.
        """
        found = self._turned(step)
        self._drift |= found
        return bool(found)

    def drift(self) -> dict[str, Drift]:
        """Switches that somebody changed since the start, be it for a time, as `look` saw them.

        What another thread sees here is not remembered: the next step tells it with its number.
        """
        if get_ident() == self._thread:
            self.look()
        return {**self._turned(None), **self._drift}

    def _turned(self, step: int | None) -> dict[str, Drift]:
        """Those of which `look` does not know yet."""
        is_elsewhere = get_ident() != self._thread
        as_set = self._set_to.keys() - self._drift.keys()
        watched = (
            switch
            for switch in SWITCHES
            if switch.name in as_set
            and not (switch.is_scoped or (switch.is_of_thread and is_elsewhere))
        )
        return {
            name: Drift(self._set_to[name], value, step)
            for name, value in read_switches(watched).items()
            if value != self._set_to[name]
        }


def _both(outer: ExitStack, inner: ExitStack) -> ExitStack:
    """What closes the inner one, then the outer one."""
    both = ExitStack()
    both.callback(outer.close)
    both.callback(inner.close)
    return both
