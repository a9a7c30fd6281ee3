"""Where two traces part for the first time, and how the difference spreads from there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from xxhash import xxh3_128_hexdigest

from repro.errors import TracesIncomparable
from repro.trace.format import ALL, UNREADABLE, Event, Look, Trace

WEIGHED = ("parameters", "gradients", "state", "updated")  # looked at more rarely than the rest

Key = tuple[str, int, int, int]  # kind, step, optimizer, how many of these came before
Pair = tuple[Event, Event]


@dataclass(frozen=True)
class Difference:
    """The first thing that is not equal."""

    step: int
    component: str
    tensor: str | None  # or the name of a switch, generator, setting, metric; None: all of it
    a: str | None  # None: that side does not have it
    b: str | None
    since: int | None = None  # the last step that both traced, and that is equal
    heads: tuple[str | None, str | None] = (None, None)  # dtype and first values of the tensor
    kind: str = "step"  # or "score", or "final"
    optimizer: int = 0


@dataclass(frozen=True)
class Spread:
    """How much of one component differs at one step."""

    step: int
    component: str
    n_different: int
    n_items: int


def first_difference(a: Trace, b: Trace) -> Difference | None:
    """The first difference in causal order over the steps that both traced; None: all is equal.

    Looks at weights that only one of the two took are left out: that is sampling.

    Raises
    ------
    TracesIncomparable
        They have no event in common, so that nothing can be told.
    """
    since: int | None = None
    for one, other in _common(a, b):
        found = _difference(one, other, since)
        if found is not None:
            return found
        since = one.step if one.kind == "step" else since
    return None


def spread(a: Trace, b: Trace) -> list[Spread]:
    """The share of what differs, at every step that both traced and for every component."""
    found: list[Spread] = []
    for one, other in _common(a, b):
        totals: dict[str, list[int]] = {}
        for left, right in _looks(one, other):
            if left is None or right is None:
                continue
            n_different = sum(1 for _ in _unequal(left.items, right.items))
            total = totals.setdefault(left.component, [0, 0])
            total[0] += n_different
            total[1] += len(left.items.keys() | right.items.keys())
        if one.kind == "step":
            found += [Spread(one.step, name, *total) for name, total in totals.items()]
    return found


def losses(trace: Trace) -> dict[int, float]:
    """The last loss of each step that is a number."""
    found: dict[int, float] = {}
    for event in trace.events:
        for look in event.looks:
            if event.kind == "step" and look.component == "loss":
                for text in look.items.values():
                    if not text.startswith("xxh3"):
                        found[event.step] = float(text)
    return found


def _common(a: Trace, b: Trace) -> list[Pair]:
    others = dict(_keyed(b.events))
    pairs = [(one, others[key]) for key, one in _keyed(a.events) if key in others]
    if not pairs:
        raise TracesIncomparable(
            f"the traces have no step in common: one has {_told(a)}, the other {_told(b)}. "
            f"Trace both runs, at the same steps (REPRO_TRACE_STEPS)."
        )
    return pairs


def _keyed(events: Sequence[Event]) -> Iterator[tuple[Key, Event]]:
    n_seen: dict[tuple[str, int, int], int] = {}
    for event in events:
        what = (event.kind, 0 if event.kind == "final" else event.step, event.optimizer)
        n_seen[what] = n_seen.get(what, 0) + 1
        yield (*what, n_seen[what]), event


def _told(trace: Trace) -> str:
    steps = trace.steps
    return f"steps {steps[0]} to {steps[-1]}" if steps else "none"


def _difference(one: Event, other: Event, since: int | None) -> Difference | None:
    if one.step != other.step:  # two ends
        step = min(one.step, other.step)
        return Difference(step, "length", None, f"{one.step} steps", f"{other.step} steps", since)
    found = (_unlike(one.step, left, right) for left, right in _looks(one, other))
    first = next(filter(None, found), None)
    return first and replace(first, since=since, kind=one.kind, optimizer=one.optimizer)


def _unlike(step: int, left: Look | None, right: Look | None) -> Difference | None:
    """The first item that is not equal, or that one side looked at something else."""
    if left is None or right is None or left.component != right.component:
        here, there = (None if side is None else side.component for side in (left, right))
        return Difference(step, here or there or "", None, here, there)
    for name in _unequal(left.items, right.items):
        values = left.items.get(name), right.items.get(name)
        heads = left.heads.get(name), right.heads.get(name)
        tensor = None if name == ALL else name
        return Difference(step, left.component, tensor, *values, heads=heads)
    return None


def _looks(one: Event, other: Event) -> Iterator[tuple[Look | None, Look | None]]:
    """The looks of both in their order; those at weights only where both looked."""
    left, right = _numbered(one), _numbered(other)
    both = left.keys() & right.keys()
    sides = ([k for k in side if k in both or k[0] not in WEIGHED] for side in (left, right))
    for here, there in zip_longest(*sides):
        yield _alike(left.get(here), right.get(there))


def _numbered(event: Event) -> dict[tuple[str, int], Look]:
    found: dict[tuple[str, int], Look] = {}
    n_seen: dict[str, int] = {}
    for look in event.looks:
        n_seen[look.component] = n_seen.get(look.component, 0) + 1
        found[look.component, n_seen[look.component]] = look
    return found


def _alike(left: Look | None, right: Look | None) -> tuple[Look | None, Look | None]:
    """Both taken together where one of them was."""
    if left is None or right is None or (ALL in left.items) == (ALL in right.items):
        return left, right
    return _together(left), _together(right)


def _together(look: Look) -> Look:
    return look if ALL in look.items else Look(look.component, {ALL: joint(look.items)})


def joint(items: Mapping[str, str]) -> str:
    """One digest of many, in the order of their names."""
    text = "\n".join(f"{name} {items[name]}" for name in sorted(items))
    digest = f"xxh3:{xxh3_128_hexdigest(text.encode())}"
    unread = [name for name in sorted(items) if items[name].startswith(UNREADABLE)]
    return f"{UNREADABLE}: {', '.join(unread)} (with the rest {digest})" if unread else digest


def _unequal(left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[str]:
    every = dict.fromkeys((*left, *right))
    return (name for name in every if left.get(name) != right.get(name))
