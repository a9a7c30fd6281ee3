"""The difference of two records, for people."""

import json
from collections.abc import Iterator, Sequence

from rich.text import Text

from repro.audit.finding import Evidence
from repro.audit.record_diff import RecordDiff
from repro.report.shown import columns, document, shown_all


def diff_text(diff: RecordDiff) -> Text:
    """What a claim would have to declare; what cannot be told; how much else differs."""
    n_ignored = len(diff.ignored)
    count = [Text(f"and {n_ignored} more that no claim compares", "dim")] if n_ignored else []
    return document([*_compared(diff), *_unknown(diff), *count])


def full_diff_text(diff: RecordDiff) -> Text:
    """The same, with every difference that no claim compares."""
    ignored = [Text(), *_table(diff, diff.ignored, "no claim compares")] if diff.ignored else []
    return document([*_compared(diff), *_unknown(diff), *ignored])


def _compared(diff: RecordDiff) -> Iterator[Text]:
    if diff.compared:
        yield from _table(diff, diff.compared, "differs")
    elif diff.unknown:
        yield Text("no difference in what both runs recorded")
    else:
        yield Text("no difference in anything that a claim compares", "green")


def _unknown(diff: RecordDiff) -> Iterator[Text]:
    if diff.unknown:
        yield Text(f"cannot be told, not recorded: {', '.join(diff.unknown)}", "bold magenta")


def _table(diff: RecordDiff, rows: Sequence[Evidence], title: str) -> list[Text]:
    names = (f"{run.name} {run.run_id[:8]}" for run in (diff.left, diff.right))
    head = [Text(name, "bold") for name in (title, *names)]
    cells = [[row.path, shown_all(row.baseline), shown_all(row.candidate)] for row in rows]
    return columns([head, *cells], indent=0)


def diff_json(diff: RecordDiff) -> str:
    """The whole difference for programs."""
    document = {
        "format": "repro.diff/1",
        "runs": [diff.left.run_id, diff.right.run_id],
        "exit_code": diff.exit_code,
        "compared": [evidence.model_dump(mode="json") for evidence in diff.compared],
        "ignored": [evidence.model_dump(mode="json") for evidence in diff.ignored],
        "unknown": list(diff.unknown),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
