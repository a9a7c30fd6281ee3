"""One record, for people."""

from collections.abc import Iterator

from rich.text import Text

from repro.digest import short
from repro.facts.fact import Absent, Fact, Opaque
from repro.record import RunRecord, seal
from repro.record_tags import protocol
from repro.report.shown import columns, document, whole


def record_text(record: RunRecord, *, unsealed: str | None = None) -> Text:
    """Everything known about a run, fact by fact, and why the rest, or a seal, is not known."""
    group = protocol(record)
    head = Text.assemble((record.name, "bold"), f"  {record.run_id}  {record.replicate}")
    sealed = f"seal {short(record.sealed or seal(record))}, comparability group {_short(group)}"
    lines = [head, Text(f"not sealed: {unsealed}" if unsealed else sealed)]
    for key, fact in record.facts.items():
        lines += [Text(), *_fact_lines(key, fact)]
    return document(lines)


def _short(digest: str | None) -> str:
    return short(digest) if digest else "unknown"


def _fact_lines(key: str, fact: Fact | Absent | Opaque) -> Iterator[Text]:
    if isinstance(fact, Absent):
        style = "dim" if fact.kind == "not_applicable" else "bold magenta"
        yield Text(f"{key}  {fact.kind.replace('_', ' ')}: {fact.reason}", style)
    elif isinstance(fact, Opaque):
        yield Text(f"{key}  written by a newer version ({fact.version})", "bold magenta")
    else:
        yield Text(key, "bold")
        yield from columns(fact_rows(key, fact))


def fact_rows(key: str, fact: Fact) -> list[list[str]]:
    """Every value of a fact with its path."""
    flat = fact.flat().items()
    return [[path.removeprefix(f"{key}."), whole(value)] for path, value in flat]
