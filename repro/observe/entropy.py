"""The sentinel of one run: hears of randomness that its seed does not hold, and says where it is.

It never draws, and changes nothing but in the mode `derive`, in which a generator made without a
seed in the user's code is given one, and `raise`, in which it is refused.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, get_args
from weakref import WeakKeyDictionary

from repro.determinism import derive_seed
from repro.errors import UnseededGenerator, UsageError
from repro.facts.entropy import Entropy, EntropyMode, Finding, Kind
from repro.observe import entropy_patch
from repro.observe.determinism import hash_seed
from repro.observe.entropy_before import Models, is_torch_drawn
from repro.observe.entropy_listing import ear
from repro.observe.entropy_maker import Maker, is_clock, maker_of, seeder_of
from repro.observe.entropy_place import Place, frames_above, owner_of, place_of
from repro.observe.entropy_sets import kept_orders
from repro.observe.entropy_tasks import Tasks, copied_generators, described
from repro.observe.observer import observed
from repro.observe.redaction import masked_text

MAX_FOUND = 50
SHOWN_CHARACTERS = 60
SEED_FUNCTIONS = {
    "numpy": "numpy.random.seed",
    "python": "random.seed",
    "torch": "torch.manual_seed",
}

_Key = tuple[Kind, Place | None, str]


def checked_mode(mode: EntropyMode) -> EntropyMode:
    """The mode, if it is one."""
    if mode not in get_args(EntropyMode):
        raise UsageError(
            f"entropy={mode!r} is no mode. Pass one of: {', '.join(get_args(EntropyMode))}."
        )
    return mode


class Sentinel:
    """Listens while its block is open."""

    def __init__(self, seed: int, mode: EntropyMode, is_here: Callable[[], bool]) -> None:
        self._seed = seed
        self._mode = mode
        self._is_here = is_here
        self._process = os.getpid()
        self._stack = ExitStack()
        self._lock = threading.RLock()  # a signal may come in between
        self._found: dict[_Key, int] = {}
        self._n_left_out = 0
        self._n_derived: dict[str, int] = {}  # by thread
        self._unseeded: WeakKeyDictionary[Any, _Key] = WeakKeyDictionary()
        self._seeds: dict[_Key, tuple[str, object]] = {}  # whose generator was reseeded, with what
        self._states: dict[str, deque[frozenset[_Key]]] = {}  # reseeded by then
        self._tasks = Tasks()
        self._models: Models | None = None

    def enter(self) -> None:
        """Look at what is there already, and listen; before the run's seed is set."""
        observed(self._look_back, sys._getframe(1))
        observed(self._stack.enter_context, entropy_patch.listening(self))
        observed(self._stack.enter_context, ear().telling(self._listed))

    def exit(self) -> None:
        """Listen no more; with the last run every patch is given back."""
        self._stack.close()

    def _look_back(self, frame: FrameType) -> None:
        if is_torch_drawn():
            self._note("drawn_before", None, "torch")
        self._models = Models(frame)

    def is_current(self) -> bool:
        """Whether what happens now happens in this run; a forked child is told nothing by it."""
        is_child = os.getpid() != self._process
        return self._is_here() and not (is_child and self._mode == "record")

    def unseeded(self, frame: FrameType, generator: object, n_bits: int) -> int | None:
        """Note it; the seed that is used instead, if one is."""
        maker = observed(maker_of, frame, is_numpy=generator is None)
        return self._of_nobody(maker, generator, n_bits) if isinstance(maker, Maker) else None

    def _of_nobody(self, maker: Maker, generator: object, n_bits: int) -> int | None:
        key = observed(self._note_maker, "unseeded", maker, "")
        if isinstance(key, tuple) and generator is not None:
            self._unseeded[generator] = key
        if self._mode == "raise" and maker.is_users:
            raise UnseededGenerator(
                f"{maker.place.shown(Path.cwd())}: {maker.place.text() or 'a generator'} has no "
                f"seed, so that no run repeats it. Pass one, or draw from run.rng('name')."
            )
        return self._derived(n_bits) if self._mode == "derive" else None

    def _derived(self, n_bits: int) -> int | None:
        """A seed by thread and order; in a child process by its worker or number, too."""
        child = () if os.getpid() == self._process else _child()
        if child is None:
            return None
        thread = threading.current_thread().name
        self._n_derived[thread] = index = self._n_derived.get(thread, 0) + 1
        words = range(-(-n_bits // 64))
        parts = [derive_seed(self._seed, "entropy", *child, thread, index, w) for w in words]
        number = 0
        for part in parts:
            number = (number << 64) + part
        return number % (1 << n_bits)

    def reseeded(self, frame: FrameType, library: str, seed: object) -> int | None:
        """Note who seeds a global generator with another seed than the run's."""
        maker = observed(seeder_of, frame)
        if not isinstance(maker, Maker):
            return None
        if seed is None or is_clock(seed):
            derived = self._of_nobody(maker, None, 64 if library == "python" else 32)
            return None if library == "torch" else derived
        observed(self._note_seed, maker, library, seed)
        return None

    def _note_seed(self, maker: Maker, library: str, seed: object) -> None:
        if not _is_same(seed, self._seed):
            what = f"{SEED_FUNCTIONS[library]}({str(seed)[:SHOWN_CHARACTERS]})"
            self._seeds[self._note_maker("reseeded", maker, what)] = (library, seed)

    def seeded(self, generator: object) -> None:
        """It was made without a seed, and has got one since."""
        key = self._unseeded.pop(generator, None)
        with self._lock:
            if key in self._found:
                self._found[key] -= 1

    def saved(self, library: str) -> None:
        """A state that a later one may be replaced by."""
        self._states.setdefault(library, deque(maxlen=MAX_FOUND)).append(frozenset(self._seeds))

    def restored(self, library: str) -> None:
        """What was reseeded since the state was read goes on as before."""
        states = self._states.get(library)
        before = states.pop() if states else frozenset(self._seeds)
        with self._lock:
            for key in self._seeds.keys() - before:
                if self._seeds[key][0] == library:
                    del self._seeds[key]
                    self._found.pop(key, None)

    def iterated(self, frame: FrameType, loader: Any) -> None:
        """Note generators that the workers of a loader share by copy."""
        observed(self._note_copies, frame, loader)

    def _note_copies(self, frame: FrameType, loader: Any) -> None:
        for path in copied_generators(loader):
            self._note("copied", _users(frame), f"{path}, {loader.num_workers} workers")

    def started(self, frame: FrameType, starter: Any, args: tuple[Any, ...]) -> None:
        """Note threads and processes that draw from what they should not."""
        observed(self._note_task, frame, starter, args)

    def _note_task(self, frame: FrameType, starter: Any, args: tuple[Any, ...]) -> None:
        place = _users(frame)
        if place is not None:
            for library in sorted(self._tasks.shared_by_threads(starter, args)):
                self._note("threads", place, described(library))
            for library in sorted(self._tasks.unseeded_in_child(starter, args)):
                self._note("child", place, described(library))

    def _listed(self, place: Place) -> None:
        if self.is_current():
            self._note("listing", place, place.text())

    def _note_maker(self, kind: Kind, maker: Maker, what: str) -> _Key:
        text = what or maker.place.text() or "a generator"
        return self._note(
            kind, maker.place, f"{text} in {maker.library}" if maker.library else text
        )

    def _note(self, kind: Kind, place: Place | None, what: str) -> _Key:
        key = (kind, place, what)
        if os.getpid() != self._process:  # whose lock another thread may have held
            return key
        with self._lock:
            if key in self._found or len(self._found) < MAX_FOUND:
                self._found[key] = self._found.get(key, 0) + 1
            else:
                self._n_left_out += 1
        return key

    def at_end(self, root: Path) -> Entropy:
        """What was found so far, with paths relative to a folder."""
        with self._lock:
            taken_back = {key for key in self._seeds if not self._is_in_force(key)}
            found = {k: n for k, n in self._found.items() if n > 0 and k not in taken_back}
        trained = observed(self._models.trained) if self._models else []
        if isinstance(trained, list):
            found |= {("made_before", None, name): 1 for name in trained}
        if hash_seed() is None:
            kept = observed(kept_orders, root)
            places = kept if isinstance(kept, list) else []
            found |= {("set_order", place, place.text()): 1 for place in places}
        return Entropy(
            mode=self._mode,
            found=tuple(
                Finding(
                    index=index,
                    kind=kind,
                    where="" if place is None else masked_text(place.shown(root)),
                    what=masked_text(what),
                    n_times=n_times,
                )
                for index, ((kind, place, what), n_times) in enumerate(found.items(), 1)
            ),
            n_left_out=self._n_left_out,
        )

    def _is_in_force(self, key: _Key) -> bool:
        """Whether torch goes on from this seed: `fork_rng` takes it back, as a later one does."""
        library, seed = self._seeds[key]
        return library != "torch" or _is_same(seed, sys.modules["torch"].initial_seed())


def _is_same(seed: object, other: int) -> bool:
    """Whether two seeds are one; numpy takes 32 bits of it, torch negative ones."""
    if isinstance(seed, str):
        return False
    try:
        number = int(seed)  # type: ignore[call-overload]  # whatever the user has passed
    except (TypeError, ValueError):
        return False
    return bool(number % 2**64 == other or number == other % 2**32)


def _users(frame: FrameType) -> Place | None:
    """Where in the user's code; None: not there, or by way of a library."""
    for one in frames_above(frame):
        owner = owner_of(one.f_code.co_filename)
        if owner == "user":
            return place_of(one)
        if owner not in ("torch", "python", "ours"):
            return None
    return None


def _child() -> tuple[int, ...] | None:
    """What tells this process from its siblings, run after run; None: nothing."""
    workers = sys.modules.get("torch.utils.data")
    info = workers.get_worker_info() if workers else None
    if info is not None:
        return (int(info.seed),)  # of the epoch, too
    processes = sys.modules.get("multiprocessing.process")
    return processes.current_process()._identity or None if processes else None
