"""How far a loader is in its pass over the data, and how another one gets to the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet, ref

from repro.determinism.states import Plain, is_generator, is_same
from repro.errors import CheckpointUnusable

States = Mapping[str, Plain]
SETTINGS = ("batch_size", "num_workers", "drop_last", "persistent_workers")
PARTS = ("dataset", "sampler", "batch_sampler", "collate_fn")
MAP_STYLE = 0  # of torch's iterators: the dataset is asked by index


@dataclass(eq=False)
class Pass:
    """One pass over a loader; it lives as long as its iterator does."""

    states: States | None  # of all generators before it began; None: they could not be read
    n_drawn: int = 0  # batches that were handed out


@dataclass(frozen=True)
class Place:
    """Where the next pass goes on instead of beginning."""

    n_drawn: int
    before: States  # of all generators before the pass began
    now: States  # when the checkpoint was written


class Progress:
    """The passes over one loader."""

    def __init__(
        self, role: str, read: Callable[[], States | None], write: Callable[[States], None]
    ) -> None:
        self.role = role
        self.place: Place | None = None
        self._read = read
        self._write = write
        self._passes: WeakSet[Pass] = WeakSet()
        self._pass: ref[Pass] | None = None

    @property
    def current(self) -> Pass | None:
        """The pass that goes on; None: none does."""
        return None if self._pass is None else self._pass()

    @property
    def n_passes(self) -> int:
        """How many go on at once."""
        return len(self._passes)

    def begin(self, start: Callable[[], Iterator[Any]]) -> tuple[Iterator[Any], Pass]:
        """Batches of the next pass, or of the rest of the one that a checkpoint was in."""
        place, self.place = self.place, None
        if place is None:
            one = Pass(self._read())
            batches = start()
        else:
            one = Pass(place.before, place.n_drawn)
            batches = self._gone_on(place, start)
        self._pass = ref(one)
        self._passes.add(one)
        return batches, one

    def _gone_on(self, place: Place, start: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """The generators come last: making the iterator and skipping draw from them."""
        self._write(place.before)
        batches = start()
        self._skip(batches, place)
        self._write(place.now)
        return batches

    def _skip(self, batches: Iterator[Any], place: Place) -> None:
        """Pass over the batches that were drawn: by their indices alone where torch lets us."""
        draw = _by_index(batches) or batches.__next__
        early: States | None = None
        for index in range(place.n_drawn):
            try:
                draw()
            except StopIteration:
                raise CheckpointUnusable(
                    f"loader {self.role!r} has {index} batches; the checkpoint was written after "
                    f"{place.n_drawn}. Give it the rows that it had."
                ) from None
            early = early or self._read()
        late = self._read()
        if early is not None and late is not None:
            self._refuse_entangled(early, late, place.now)

    def _refuse_entangled(self, early: States, late: States, now: States) -> None:
        """Refuse what is drawn while the batches are, but not by them alone.

        What the first batch draws was drawn right after the pass began, in both processes. Later
        on the training drew in between: a generator that the loader used has then another state.
        """
        names = [
            name
            for name, state in late.items()
            if not is_same(early.get(name), state) and not is_same(now.get(name), state)
        ]
        if names:
            raise CheckpointUnusable(
                f"loader {self.role!r} draws from {', '.join(names)} batch by batch, and so does "
                f"the training: the batches that follow cannot be repeated. Let the dataset or "
                f"sampler draw from run.rng(name) or run.generator(name), and begin the epoch anew."
            )


def _by_index(batches: Any) -> Callable[[], Any] | None:
    """Draws the indices of the next batch without loading it; None: it must be loaded.

    Workers draw random numbers as they load, and so may a dataset that is an iterable.
    """
    is_inline = type(batches).__name__ == "_SingleProcessDataLoaderIter"
    if is_inline and getattr(batches, "_dataset_kind", None) == MAP_STYLE:
        return getattr(batches, "_next_index", None)
    return None


def settings_of(loader: Any) -> dict[str, Plain]:
    """What decides which batches a loader hands out; None where it does not tell."""
    sampler, batch_sampler = (getattr(loader, n, None) for n in ("sampler", "batch_sampler"))
    found = {name: getattr(loader, name, None) for name in SETTINGS}
    if found["batch_size"] is None:
        found["batch_size"] = getattr(batch_sampler, "batch_size", None)
    return {
        **{name: value if isinstance(value, int) else None for name, value in found.items()},
        "rows": _length(getattr(loader, "dataset", None)),
        "rows_drawn": _length(sampler),  # by this rank
        "sampler": None if sampler is None else type(sampler).__name__,
        "batch_sampler": None if batch_sampler is None else type(batch_sampler).__name__,
    }


def own_generators(loader: Any) -> Iterator[tuple[str, Any]]:
    """Generators that a loader and its parts hold: of a part, their path."""
    found: dict[int, Any] = {}
    parts = {name: getattr(loader, name, None) for name in PARTS}
    drawing = (loader, parts["sampler"], parts["batch_sampler"])
    for one in (getattr(part, "generator", None) for part in drawing):
        if is_generator(one):
            found.setdefault(id(one), one)
    yield from (("", one) for one in found.values())
    for name, part in parts.items():
        for key, one in getattr(part, "__dict__", {}).items():
            if is_generator(one) and id(one) not in found:
                found[id(one)] = one
                yield f"/{name}.{key}", one


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def keeps_workers(loader: Any) -> bool:
    """Whether its workers, whose generators nobody can read, live on from pass to pass."""
    return bool(getattr(loader, "persistent_workers", False))
