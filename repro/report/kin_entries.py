"""What a report says of the runs that one descends from, and of those inside it."""

from collections.abc import Iterator, Sequence

from repro.inheritance import Inheritance, Looks, Rows
from repro.nested_runs import NestedRuns
from repro.report.shown import estimated

Row = list[str]


def ancestor_rows(ancestors: Sequence[Inheritance]) -> Iterator[Row]:
    """For each ancestor: which training rows came or went, and what became of its test rows."""
    for one in ancestors:
        title = "parent" if one.generation == 1 else "parent's " * (one.generation - 1) + "parent"
        if one.name is None:
            yield [title, f"{one.parent[:8]} unknown: {one.added.unknown}"]
            continue
        yield [title, f"{one.name} {one.parent[:8]}"]
        yield ["  training rows", _training_rows(one)]
        yield ["  its test rows", f"{_leaked(one.leaked)}; {_looks(one.looks)}"]


def nested_rows(nested: NestedRuns | None) -> Iterator[Row]:
    """The runs inside, failed ones counted."""
    if nested is not None:
        parts = [(nested.n_failed, "failed"), (nested.n_unfinished, "not ended")]
        told = [f", {count:,} {what}" for count, what in parts if count]
        yield ["nested runs", f"{nested.n:,}{''.join(told)}"]


def _training_rows(one: Inheritance) -> str:
    if one.added.unknown or one.dropped.unknown:
        return f"unknown: {one.added.unknown or one.dropped.unknown}"
    return f"{_counted(one.added)} added, {_counted(one.dropped)} dropped"


def _leaked(rows: Rows) -> str:
    if rows.n is None:
        return f"unknown whether learned from: {rows.unknown}"
    found = f"{_counted(rows)} LEARNED FROM" if rows.n.n else "none learned from"
    return f"{found}, of those that were read" if rows.is_partial else found


def _looks(looks: Looks) -> str:
    seen = [f"looked at {_times(looks.n)}"] if looks.n else []
    alike = [f"labels like theirs looked at {_times(looks.n_alike)}"] if looks.n_alike else []
    if seen or alike:
        return ", ".join([*seen, *alike])
    return "not looked at" if looks.n == 0 else f"unknown whether looked at: {looks.unknown}"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n:,} times"


def _counted(rows: Rows) -> str:
    share = f" ({rows.share:.1%})" if rows.share else ""
    return f"{estimated(rows.n)}{share}"
