"""Stands in the place of what seeds a generator or starts a task, while a block is open.

numpy asks one function for the entropy of everything that is made without a seed, however it was
imported; torch calls one after each seeding. There is one set of patches in a process, however many
blocks are open: it is found by its place, and given back by the last block.
"""

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from types import FrameType, MethodType
from typing import Any, Protocol

from repro.determinism.arrival import Arrivals, is_imported
from repro.observe.observer import observed

ENTROPY_BITS = 128
_LOCK = threading.Lock()  # while blocks of several threads begin and end


class Listener(Protocol):
    """Whom the patches tell; a seed that is returned is used in the place of entropy."""

    def is_current(self) -> bool:
        """Whether what happens now happens in its run."""

    def unseeded(self, frame: FrameType, generator: object, n_bits: int) -> int | None:
        """A generator is made without a seed."""

    def reseeded(self, frame: FrameType, library: str, seed: object) -> int | None:
        """A global generator is seeded; None as seed: by the operating system."""

    def seeded(self, generator: object) -> None:
        """A generator that was made without a seed has got one, or a state."""

    def saved(self, library: str) -> None:
        """The state of a global generator was read."""

    def restored(self, library: str) -> None:
        """A global generator was given a state."""

    def iterated(self, frame: FrameType, loader: Any) -> None:
        """A pass over a torch DataLoader begins."""

    def started(self, frame: FrameType, starter: Any, args: tuple[Any, ...]) -> None:
        """A thread, a process, or a task of a pool is started."""


@dataclass(frozen=True)
class Call:
    """A call of a function that something stands in the place of."""

    frame: FrameType  # of the caller
    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def go(self) -> Any:
        """As if nothing stood there."""
        return self.original(*self.args, **self.kwargs)

    @property
    def seed(self) -> Any:
        """The first argument, however it was given; None: there is none."""
        return next(iter((*self.args, *self.kwargs.values())), None)


Act = Callable[[Listener, Call], Any]


class Patches:
    """All that stand now."""

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self._standing: list[_Standing] = []
        awaited = {one[0] for one in PLACES if not is_imported(one[0])}
        self._arrivals = Arrivals({name: functools.partial(self.put, name) for name in awaited})

    @classmethod
    def in_place(cls) -> "Patches":
        """Those that are there already, or new ones."""
        import numpy.random.bit_generator as source

        found = vars(source).get("randbits")
        if isinstance(found, _Standing):
            return found.patches
        made = cls()
        for name in dict.fromkeys(one[0] for one in PLACES):
            if is_imported(name):
                made.put(name)
        made._arrivals.__enter__()
        return made

    def put(self, module: str) -> None:
        """Stand in the places of one imported module; those that it does not have are not seen."""
        for name, path, act in PLACES:
            if name == module:
                observed(self._put_one, name, path, act)

    def _put_one(self, module: str, path: str, act: Act) -> None:
        holder, _, name = path.rpartition(".")
        owner = attrgetter(holder)(sys.modules[module]) if holder else sys.modules[module]
        standing = _Standing(self, owner, name, vars(owner)[name], act)
        setattr(owner, name, standing)
        self._standing.append(standing)

    def leave(self, listener: Listener) -> None:
        """One block less; with the last one everything is as it was."""
        self.listeners = tuple(one for one in self.listeners if one is not listener)
        if not self.listeners:
            self._arrivals.__exit__(None, None, None)
            for standing in self._standing:
                standing.give_back()

    def current(self) -> Listener | None:
        """The innermost block that what happens now belongs to."""
        return next((one for one in reversed(self.listeners) if one.is_current()), None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """A block in which seeding and starting are told."""
    with _LOCK:
        patches = Patches.in_place()
        patches.listeners = (*patches.listeners, listener)
    try:
        yield
    finally:
        with _LOCK:
            patches.leave(listener)


class _Standing:
    """Stands in a module or a class in the place of a function; pickled, it is that function."""

    def __init__(self, patches: Patches, owner: Any, name: str, original: Any, act: Act) -> None:
        self.patches = patches
        self._owner = owner
        self._name = name
        self._original = original
        self._act = act
        functools.update_wrapper(self, original)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        listener = self.patches.current()
        if listener is None:
            return self._original(*args, **kwargs)
        return self._act(listener, Call(sys._getframe(1), self._original, args, kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._original if instance is None else MethodType(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        return itemgetter(0), ((self._original,),)

    def give_back(self) -> None:
        """Put the original back, unless somebody else has put something there meanwhile."""
        if vars(self._owner).get(self._name) is self:
            setattr(self._owner, self._name, self._original)


def _numpy_entropy(listener: Listener, call: Call) -> Any:
    seed = listener.unseeded(call.frame, None, call.args[0])
    return call.go() if seed is None else seed


def _own_seed(listener: Listener, call: Call) -> Any:
    """`random.Random.seed`, which its constructor calls, too."""
    generator, *rest = call.args
    given = rest[0] if rest else call.kwargs.get("a")
    if given is not None:
        listener.seeded(generator)
        return call.go()
    seed = listener.unseeded(call.frame, generator, ENTROPY_BITS)
    return call.go() if seed is None else call.original(generator, seed)


def _own_state(listener: Listener, call: Call) -> Any:
    listener.seeded(call.args[0])
    return call.go()


def _seeding(library: str) -> Act:
    def seeding(listener: Listener, call: Call) -> Any:
        derived = listener.reseeded(call.frame, library, call.seed)
        return call.go() if derived is None else call.original(derived)

    return seeding


def _saving(library: str) -> Act:
    def saving(listener: Listener, call: Call) -> Any:
        listener.saved(library)
        return call.go()

    return saving


def _restoring(library: str) -> Act:
    def restoring(listener: Listener, call: Call) -> Any:
        listener.restored(library)
        return call.go()

    return restoring


def _torch_seeded(listener: Listener, call: Call) -> Any:
    """Called by `torch.manual_seed`, and by `torch.seed`, which asks the operating system."""
    is_random = call.frame.f_code.co_name == "seed"
    listener.reseeded(call.frame, "torch", None if is_random else call.seed)
    return call.go()


def _passing(listener: Listener, call: Call) -> Any:
    listener.iterated(call.frame, call.args[0])
    return call.go()


def _starting(listener: Listener, call: Call) -> Any:
    listener.started(call.frame, call.args[0], call.args[1:])
    return call.go()


_POOL = ("apply_async", "map", "map_async", "starmap", "starmap_async")
PLACES: tuple[tuple[str, str, Act], ...] = (  # module, what is in it, what stands there
    ("numpy.random", "bit_generator.randbits", _numpy_entropy),
    ("numpy.random", "seed", _seeding("numpy")),
    ("numpy.random", "get_state", _saving("numpy")),
    ("numpy.random", "set_state", _restoring("numpy")),
    ("random", "seed", _seeding("python")),
    ("random", "getstate", _saving("python")),
    ("random", "setstate", _restoring("python")),
    ("random", "Random.seed", _own_seed),
    ("random", "Random.setstate", _own_state),
    ("torch", "random._seed_custom_device", _torch_seeded),
    ("torch", "utils.data.DataLoader.__iter__", _passing),
    ("threading", "Thread.start", _starting),
    ("multiprocessing.process", "BaseProcess.start", _starting),
    ("concurrent.futures.thread", "ThreadPoolExecutor.submit", _starting),
    ("concurrent.futures.process", "ProcessPoolExecutor.submit", _starting),
    *(("multiprocessing.pool", f"Pool.{name}", _starting) for name in (*_POOL, "imap")),
    ("multiprocessing.pool", "Pool.imap_unordered", _starting),
)
