"""The journals on this machine, for people."""

from collections.abc import Sequence

from rich.text import Text

from repro.report.shown import columns, document
from repro.store.journals import RunJournal, waits

HEAD = ("run", "name", "state", "unshipped", "last sign (UTC)", "store", "left to do")
STYLES = {"live": "green", "orphaned": "bold red", "ended": ""}


def journal_table(journals: Sequence[RunJournal], *, show_all: bool) -> Text:
    """A line for each run, newest last, and what to do next.

    Those that MLflow has in full are only counted, unless all are asked for.
    """
    listed = [found for found in journals if show_all or found.left or found.state == "live"]
    if not listed:
        n = len(journals)
        return document([Text(f"nothing is left to do ({n} journal{'' if n == 1 else 's'})")])
    lines = columns([[Text(word, "dim") for word in HEAD], *map(_row, listed)], indent=0)
    n_left = sum(bool(found.left) for found in listed)
    if n_left:
        lines += [Text(), Text(f"{n_left} of {len(journals)}: `repro recover` does what is left")]
        lines += [Text(line) for line in waits(found for found in listed if found.left)]
    return document(lines)


def _row(found: RunJournal) -> list[str | Text]:
    state = found.state if found.state != "ended" else found.status
    return [
        found.run_id[:8],
        found.name,
        Text(state, STYLES[found.state]),
        f"{found.n_unshipped:,}",
        f"{found.last_sign:%Y-%m-%d %H:%M:%S}",
        found.uri or "unknown: no event says it",
        ", ".join(found.left) or "-",
    ]
