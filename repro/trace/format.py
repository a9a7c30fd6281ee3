"""The file of a trace: JSON lines, each with a digest of all lines up to it.

The first line says what it is. A line of names is referred to by every later look at these things;
a line of an event holds what was looked at from the end of the event before it to its own::

    {"format": "repro.trace/1", "level": "full"}
    {"names": ["0.weight", "0.bias"], "chain": "5d4e..."}
    {"event": "step", "step": 7, "optimizer": 0, "looks": [["gradients", 0, [...], [...]]], ...}

A look is `[component, number of its names, contents, heads]`; no contents stand for those of the
look before it at the same component of the same event. The last line may be torn.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Literal

from xxhash import xxh3_128_hexdigest

from repro.errors import RecordCorrupt

FORMAT = "repro.trace/1"
PATH = "repro/trace.jsonl"  # artifact
ALL = "*"  # the one item of a look that took many tensors together
UNREADABLE = "unreadable"  # how the text of an item begins that holds more than was read

Kind = Literal["step", "score", "final"]
Level = Literal["off", "light", "full"]


@dataclass(frozen=True)
class Look:
    """What was seen of one component at one moment."""

    component: str  # switches, rng, batch, parameters, loss, gradients, settings, state, updated
    items: Mapping[str, str]  # name to a value, or to the digest of a tensor
    heads: Mapping[str, str] = field(default_factory=dict)  # dtype and first values of tensors


@dataclass(frozen=True)
class Event:
    """One call of an optimizer's `step`, one score, or the end of the run."""

    kind: Kind
    step: int  # from 0; of a score or the end, how many there were
    optimizer: int = 0  # in the order in which they first stepped
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Trace:
    """What was seen of one training, in causal order."""

    level: str
    events: tuple[Event, ...] = ()
    chain: str = ""  # digest of all of it

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that were traced."""
        return tuple(dict.fromkeys(event.step for event in self.events if event.kind == "step"))

    @property
    def end(self) -> Event | None:
        """The end of the run; None where it was killed, or ended on purpose after some step."""
        return next((event for event in reversed(self.events) if event.kind == "final"), None)

    @property
    def unread(self) -> tuple[str, ...]:
        """Names of what could not be read, wherever it was; equal texts of it prove nothing."""
        looks = [look for event in self.events for look in event.looks]
        found = {
            (f"{look.component} {text}" if name == ALL else name): None
            for look in looks
            for name, text in look.items.items()
            if text.startswith(UNREADABLE)
        }
        return tuple(found)


class Writer:
    """Turns events into lines; nothing here touches a disk."""

    def __init__(self, level: str) -> None:
        self._names: dict[tuple[str, ...], int] = {}
        self.chain = ""
        self.head = _json({"format": FORMAT, "level": level}) + b"\n"

    def lines(self, event: Event) -> bytes:
        """The line of an event, after those of names that are new."""
        lines: list[bytes] = []
        looks: list[list[Any]] = []
        before: dict[str, Look] = {}
        for look in event.looks:
            names = tuple(look.items)
            if names not in self._names:
                self._names[names] = len(self._names)
                lines.append(self._chained({"names": names}))
            looks.append(_packed(look, self._names[names], before.get(look.component)))
            before[look.component] = look
        said: dict[str, Any] = {"event": event.kind, "step": event.step}
        lines.append(self._chained({**said, "optimizer": event.optimizer, "looks": looks}))
        return b"".join(lines)

    def _chained(self, data: dict[str, Any]) -> bytes:
        self.chain = _next(self.chain, _json(data))
        return _json({**data, "chain": self.chain}) + b"\n"


def read(content: bytes) -> Trace:
    """The trace in a file; a torn last line is left out.

    Raises
    ------
    RecordCorrupt
        It is no trace, of a newer format, or a line is missing or was changed.
    """
    first, *lines = list(_parsed(content)) or [{}]
    if first.get("format") != FORMAT:
        raise RecordCorrupt(
            f"the trace has the format {first.get('format')!r}, this version reads {FORMAT!r}."
        )
    names: list[list[str]] = []
    events: list[Event] = []
    chain = ""
    for number, line in enumerate(lines, start=2):
        claimed = line.pop("chain", None)
        chain = _next(chain, _json(line))
        if chain != claimed:
            raise RecordCorrupt(f"line {number} of the trace was changed, or one before it is gone")
        try:
            _take(line, names, events)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = f"no {error} in it" if isinstance(error, KeyError) else str(error)
            raise RecordCorrupt(
                f"line {number} of the trace is no line of a trace ({said}). Run it again."
            ) from error
    return Trace(_level(first), tuple(events), chain)


def segment_path(number: int) -> str:
    """Artifact of the trace of one segment of a run, which may have been resumed."""
    return PATH if number == 1 else PATH.replace(".", f"-{number}.")


def joined(segments: Sequence[Trace]) -> Trace:
    """One trace of a resumed run: each segment counts up to the step where the next one began."""
    events: list[Event] = []
    for segment in segments:
        begun = next((event.step for event in segment.events), None)
        if begun is not None:
            events = [one for one in events if one.kind != "final" and one.step < begun]
        events += segment.events
    return replace(segments[-1], events=tuple(events))


def _parsed(content: bytes) -> Iterator[dict[str, Any]]:
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # after the last end of line: torn
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            if 1 < number == len(lines) - 1:
                return
            raise RecordCorrupt(f"line {number} of the trace cannot be read") from error
        if not isinstance(found, dict):
            raise RecordCorrupt(
                f"line {number} of the trace is a {type(found).__name__}, and not an object of JSON"
            )
        yield found


def _level(first: Mapping[str, Any]) -> str:
    level = first.get("level")
    if level not in ("light", "full"):
        raise RecordCorrupt(
            f"line 1 of the trace has the level {level!r}; it must be one of: light, full."
        )
    return str(level)


def _take(line: dict[str, Any], names: list[list[str]], events: list[Event]) -> None:
    if "names" in line:
        names.append([_text(name) for name in line["names"]])
        return
    event = _event(line, names)
    if event.kind not in ("step", "score", "final"):
        raise ValueError(f"an event {event.kind!r}")
    for what, number in {"step": event.step, "optimizer": event.optimizer}.items():
        if type(number) is not int or number < 0:
            raise ValueError(f"the {what} {number!r}")
    events.append(event)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text belongs")
    return value


def _event(line: dict[str, Any], names: list[list[str]]) -> Event:
    looks: list[Look] = []
    before: dict[str, Look] = {}
    for packed in line["looks"]:
        look = _unpacked(packed, names, before)
        looks.append(look)
        before[look.component] = look
    return Event(line["event"], line["step"], line["optimizer"], tuple(looks))


def _packed(look: Look, number: int, before: Look | None) -> list[Any]:
    if before is not None and before.items == look.items and before.heads == look.heads:
        return [look.component, number]
    packed: list[Any] = [look.component, number, list(look.items.values())]
    return [*packed, [look.heads.get(name, "") for name in look.items]] if look.heads else packed


def _unpacked(packed: list[Any], names: list[list[str]], before: Mapping[str, Look]) -> Look:
    component, number, *contents = packed
    if not contents:
        return before[component]
    items, heads = (*contents, [])[:2]
    pairs = zip_longest(names[number], heads, fillvalue="")
    return Look(
        _text(component),
        dict(zip(names[number], map(_text, items), strict=True)),
        {name: _text(head) for name, head in pairs if head},
    )


def _next(chain: str, body: bytes) -> str:
    return xxh3_128_hexdigest(chain.encode() + body)


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
