"""The difference of two records, for people."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from repro.audit.finding import Evidence
from repro.audit.record_diff import RecordDiff
from repro.report.shown import columns, document, shown_all


def diff_text(diff: RecordDiff) -> Text:
    """What a claim would have to declare; what cannot be told; how much else differs."""
    return document([*_compared(diff), *_unknown(diff), *_count(diff.ignored)])


def full_diff_text(diff: RecordDiff) -> Text:
    """The same, with every difference that gates no claim."""
    ignored = [Text(), Text("ignored in claims", "bold"), *_table(diff, diff.ignored)]
    return document([*_compared(diff), *_unknown(diff), *(ignored if diff.ignored else ())])


def _compared(diff: RecordDiff) -> Iterator[Text]:
    if diff.compared:
        yield from _table(diff, diff.compared)
    else:
        yield Text("no difference in anything that is compared", "green")


def _table(diff: RecordDiff, rows: Sequence[Evidence]) -> list[Text]:
    names = (f"{run.name} {run.run_id[:8]}" for run in (diff.left, diff.right))
    head = [Text(title, "bold") for title in ("differs", *names)]
    cells = [[row.path, shown_all(row.baseline), shown_all(row.candidate)] for row in rows]
    return columns([head, *cells], indent=0)


def _unknown(diff: RecordDiff) -> Iterator[Text]:
    if diff.unknown:
        yield Text(f"cannot be told, not recorded: {', '.join(diff.unknown)}", "bold magenta")


def _count(ignored: Sequence[Evidence]) -> Iterator[Text]:
    if ignored:
        noun = "difference" if len(ignored) == 1 else "differences"
        yield Text(f"and {len(ignored)} {noun} that no claim is about", "dim")
