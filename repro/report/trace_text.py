"""Where the traces of two runs part, for people."""

import struct
from collections.abc import Iterator

from rich.text import Text

from repro.report.shown import columns, document
from repro.trace.compare import Difference, Spread
from repro.trace.pair import TracePair

MAX_STEPS = 8  # of the spread that are listed
FORMATS = {  # how struct reads one value
    **{"float64": "d", "float32": "f", "float16": "e"},
    **{"int64": "q", "int32": "i", "int16": "h", "int8": "b", "uint8": "B", "bool": "?"},
}


def trace_text(pair: TracePair) -> Text:
    """The first difference with both values, the last equal step, and how it spread."""
    return document(list(_lines(pair)))


def head_text(head: str | None) -> str | None:
    """First values of a tensor; None: they were not kept, or cannot be read.

    >>> head_text("float32:0000803f000000c0"), head_text("bfloat16:803f"), head_text(None)
    ('1 -2', '1', None)
    """
    dtype, _, digits = (head or "").partition(":")
    if dtype == "bfloat16":  # the upper half of a float32
        halves = (digits[at : at + 4] for at in range(0, len(digits), 4))
        dtype, digits = "float32", "".join(f"0000{half}" for half in halves)
    if dtype not in FORMATS or not digits:
        return None
    content, kind = bytes.fromhex(digits), FORMATS[dtype]
    values = struct.unpack(f"<{len(content) // struct.calcsize(kind)}{kind}", content)
    return " ".join(f"{value:.9g}" if dtype == "float32" else repr(value) for value in values)


def _lines(pair: TracePair) -> Iterator[Text]:
    yield Text(" -> ").join(Text(str(side), "bold") for side in (pair.a, pair.b))
    found = pair.first
    if found is None:
        yield from _equal(pair)
        return
    yield Text()
    yield Text.assemble(("first difference  ", "bold"), (_place(found), "bold red"))
    yield from columns(list(_values(pair, found)))
    yield from _before(found)
    yield from _after(pair)


def _equal(pair: TracePair) -> Iterator[Text]:
    steps = "1 step" if pair.n_steps == 1 else f"{pair.n_steps} steps"
    yield Text(f"no difference in the {steps} that both traced", "green")
    if pair.untold is None:
        yield Text("and none in the weights at the end", "green")
    else:
        yield Text(f"whether they are equal cannot be told: {pair.untold}", "yellow")


def _place(found: Difference) -> str:
    where = {"score": f"a score after {found.step} steps", "final": "at the end"}
    number = f" (optimizer {found.optimizer})" if found.optimizer else ""
    place = where.get(found.kind, f"step {found.step}{number}")
    what = "" if found.component == found.kind else f", {found.component}"
    return f"{place}{what}{f', {found.tensor}' if found.tensor else ''}"


def _values(pair: TracePair, found: Difference) -> Iterator[list[Text]]:
    sides = ((pair.a, found.a, found.heads[0]), (pair.b, found.b, found.heads[1]))
    heads = [head_text(head) for _, _, head in sides]
    for (side, value, _), head in zip(sides, heads, strict=True):
        first = "" if head is None else f"first values {head}"
        yield [Text(str(side)), Text("not there" if value is None else value), Text(first)]


def _before(found: Difference) -> Iterator[Text]:
    if found.since is None:
        yield Text("no step before it was traced by both" if found.step else "it is the first step")
    elif found.kind == "step" and found.since + 1 < found.step:
        yield Text(
            f"it came up between step {found.since}, the last equal one, and step {found.step}: "
            f"those between were not traced by both"
        )
    else:
        yield Text(f"last equal step  {found.since}")


def _after(pair: TracePair) -> Iterator[Text]:
    different = [one for one in pair.spread if one.n_different]
    steps = list(dict.fromkeys(one.step for one in different))
    if not steps:
        return
    yield Text()
    yield Text("how it spread  different of all, where both looked", "bold")
    n_left_out = max(0, len(steps) - MAX_STEPS)
    for step in steps[: MAX_STEPS - 1] + steps[MAX_STEPS - 1 :][-1:]:
        if n_left_out and step == steps[-1]:
            yield Text(f"  and {n_left_out} more steps", "dim")
        yield Text(f"  step {step}  {_shares(one for one in different if one.step == step)}")


def _shares(found: Iterator[Spread]) -> str:
    return ", ".join(f"{one.component} {one.n_different} of {one.n_items}" for one in found)
