"""Everything random that a run gave out: its generators by name, its loaders by role."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import ref

from repro.determinism.loader_state import (
    Place,
    Progress,
    States,
    keeps_workers,
    own_generators,
    settings_of,
)
from repro.determinism.states import Plain, put_state, read_globals, state_of, write_globals
from repro.errors import CheckpointUnusable

if TYPE_CHECKING:
    pass

FIRST_SWEEP = 256  # generators of numpy that may have died
OF_LOADERS = "loader/"


class _Kept:
    """What numpy lets nobody refer to weakly, until nobody else holds it."""

    def __init__(self, kept: object) -> None:
        self.kept = kept

    @property
    def n_references(self) -> int:
        return sys.getrefcount(self.kept)

    def __call__(self) -> Any:
        return self.kept if self.n_references > HELD_BY_US else None


HELD_BY_US = _Kept(object()).n_references


class Sources:
    """Knows them as long as they live; several of one name by the order they were made in."""

    def __init__(self) -> None:
        self._generators: dict[str, list[tuple[int, Callable[[], Any]]]] = defaultdict(list)
        self._n_made: dict[str, int] = defaultdict(int)
        self._loaders: dict[str, list[ref[Any]]] = defaultdict(list)
        self._awaited: dict[str, dict[int, Plain]] = {}  # states of generators still to be made
        self._places: dict[str, list[Mapping[str, Any]]] = {}  # the same of loaders
        self._now: States = {}  # all states of the checkpoint that was read last
        self._n_followed, self._next_sweep = 0, FIRST_SWEEP

    def follow(self, name: str, generator: Any) -> None:
        """Know a generator; one that a checkpoint waits for goes on from there.

        Raises
        ------
        CheckpointUnusable
            The checkpoint waits for another one of this name, and nobody can tell which this is.
        """
        if any(one is generator for _number, one in self._living(name)):
            return
        number = self._number(name)
        try:
            self._generators[name].append((number, ref(generator)))
        except TypeError:
            self._generators[name].append((number, _Kept(generator)))
        self._n_followed += 1
        if self._n_followed > self._next_sweep:
            self._sweep()
        self._go_on_with(name, number, generator)

    def _number(self, name: str) -> int:
        """In the order of making; of loaders, which each pass may make anew, of the living."""
        if name.startswith(OF_LOADERS):
            return len(list(self._living(name)))
        self._n_made[name] += 1
        return self._n_made[name] - 1

    def _go_on_with(self, name: str, number: int, generator: Any) -> None:
        awaited = self._awaited.get(name, {})
        if number in awaited:
            put_state(name, generator, awaited.pop(number))
        elif awaited and not name.startswith(OF_LOADERS):
            later = min(awaited)
            raise CheckpointUnusable(
                f"{name} was made several times, and the checkpoint holds the state of number "
                f"{later + 1}, not of this one, number {number + 1}. Make each generator once, "
                f"under a name of its own, and write the checkpoint anew."
            )

    def follow_loader(self, role: str, loader: Any, read: Callable[[], States | None]) -> None:
        """Know a loader, and the generators that it draws its order from."""
        for name, generator in own_generators(loader):
            if not self._knows(generator):
                self.follow(f"{OF_LOADERS}{role}{name}", generator)
        loader.progress = Progress(role, read, self.write)
        self._loaders[role].append(ref(loader))
        if self._places.get(role):
            self._go_on(role, loader, self._places[role].pop(0))

    def read(self) -> dict[str, Plain]:
        """States of the global generators and of all that live, by name."""
        named = {
            f"{name} {number}": state_of(generator)
            for name in self._generators
            for number, generator in self._living(name)
        }
        return {**read_globals(), **named}

    def write(self, states: States) -> None:
        """Bring all that live, and the global ones, to these states."""
        for name in self._generators:
            for number, generator in self._living(name):
                state = states.get(f"{name} {number}")
                if state is not None:
                    put_state(name, generator, state)
        write_globals(states)

    def places(self) -> dict[str, list[dict[str, Plain]]]:
        """Settings of every loader that lives, and how far it is in its pass.

        Raises
        ------
        CheckpointUnusable
            One is in a state that cannot be read.
        """
        return {role: [_place(role, one) for one in self._alive(role)] for role in self._loaders}

    def refuse_others(self, places: Mapping[str, list[Mapping[str, Any]]]) -> None:
        """Refuse to go on with loaders of other settings.

        Raises
        ------
        CheckpointUnusable
            It says which differ.
        """
        for role, known in places.items():
            for loader, place in zip(self._alive(role), known, strict=False):
                _refuse_other(role, loader, place["settings"])

    def go_on(self, states: States, places: Mapping[str, list[Mapping[str, Any]]]) -> None:
        """Bring everything to the states of a checkpoint; what is made later follows."""
        self._now = states
        known: dict[str, dict[int, Plain]] = defaultdict(dict)
        for key, state in states.items():
            name, _, number = key.rpartition(" ")
            if number.isdecimal():
                known[name][int(number)] = state
        self._awaited = known
        for name, kept in known.items():
            living = [number for number, _generator in self._living(name)]
            self._n_made[name] = max(living, default=-1) + 1  # those that died are made anew
            for one in living:
                kept.pop(one, None)
        self._places = {role: list(kept) for role, kept in places.items()}
        for role, waiting in self._places.items():
            for loader in self._alive(role):
                if waiting:
                    self._go_on(role, loader, waiting.pop(0))
        self.write(states)

    def left_over(self) -> tuple[str, ...]:
        """Roles of loaders that a checkpoint was in the middle of, and nobody has gone on with."""
        unmade = (role for role, kept in self._places.items() if any(one["pass"] for one in kept))
        unused = (
            role
            for role in self._loaders
            if any(one.progress.place is not None for one in self._alive(role))
        )
        return tuple(sorted({*unmade, *unused}))

    def _go_on(self, role: str, loader: Any, place: Mapping[str, Any]) -> None:
        _refuse_other(role, loader, place["settings"])
        found = place["pass"]
        if found is None:
            loader.progress.place = None
        else:
            loader.progress.place = Place(found["n_drawn"], found["states"], self._now)

    def _living(self, name: str) -> Iterator[tuple[int, Any]]:
        living = (
            (number, one)
            for number, held in self._generators.get(name, ())
            if (one := held()) is not None
        )
        if not name.startswith(OF_LOADERS):
            return living
        return ((index, one) for index, (_number, one) in enumerate(living))

    def _knows(self, generator: Any) -> bool:
        return any(one is generator for name in self._generators for _, one in self._living(name))

    def _alive(self, role: str) -> Iterator[Any]:
        return (one for held in self._loaders.get(role, ()) if (one := held()) is not None)

    def _sweep(self) -> None:
        """Forget the dead, before a name for each sample has filled the memory."""
        for name, held in list(self._generators.items()):
            self._generators[name] = [one for one in held if one[1]() is not None]
            if not self._generators[name]:
                del self._generators[name]
                self._n_made.pop(name, None)
        self._n_followed = sum(map(len, self._generators.values()))
        self._next_sweep = max(FIRST_SWEEP, 2 * self._n_followed)


def _place(role: str, loader: Any) -> dict[str, Plain]:
    if loader.progress.n_passes > 1:
        raise CheckpointUnusable(
            f"{loader.progress.n_passes} passes over loader {role!r} go on at once, and one alone "
            f"can be gone on with. Make a loader for each, or write the checkpoint between passes."
        )
    current = loader.progress.current
    if keeps_workers(loader):
        raise CheckpointUnusable(
            f"loader {role!r} has persistent_workers=True: its workers' generators cannot be read, "
            f"and no checkpoint could go on from them. Leave persistent_workers out."
        )
    if current is not None and current.states is None:
        raise CheckpointUnusable(
            f"the generators could not be read when the pass over loader {role!r} began. "
            f"Write the checkpoint at the end of the epoch."
        )
    begun = None if current is None else {"n_drawn": current.n_drawn, "states": current.states}
    return {"settings": settings_of(loader), "pass": begun}


def _refuse_other(role: str, loader: Any, settings: Mapping[str, Plain]) -> None:
    now = settings_of(loader)
    others = [f"{k} was {v!r}, now {now.get(k)!r}" for k, v in settings.items() if now.get(k) != v]
    if others:
        raise CheckpointUnusable(
            f"loader {role!r} cannot go on bit for bit: {'; '.join(others)}. Make it as it was; "
            f"for the weights alone, read the file with run.load(path)['model']."
        )
