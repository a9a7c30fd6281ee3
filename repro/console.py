"""What a run says while it goes on: a few lines on the standard error, or nothing."""

import sys
from contextlib import suppress
from pathlib import Path

from repro.continuation import segment_after
from repro.digest import short
from repro.facts.fact import Absent
from repro.observe.code import CodeState
from repro.observe.redaction import masked_text
from repro.record import RunRecord, seal
from repro.run import Run

LISTED = 5
NAME_CHARACTERS = 60
CODE_PATIENCE = 0.1  # seconds that the first lines wait for the code to be read


def start_lines(run: Run) -> list[str]:
    """Where the run is recorded, and what it starts from."""
    opened, mode = run.opened, run.seen.controlled.mode
    how = "attached to the active MLflow run" if opened.is_attached else "recorded"
    if run.earlier:
        how = f"resumed, segment {segment_after(run.earlier)}, {how}"
    code = _code_text(run.seen.code_state.seen(CODE_PATIENCE))
    return [
        f"{run.name} ({run.run_id[:8]}) {how} in {opened.shown_uri}",
        f"seed {run.seed} ({run.seen.seed_source}), deterministic {mode}, {code}",
        *(f"warning: {note}" for note in run.notes),
    ]


def end_lines(run: Run, record: RunRecord | None, status: str, journal: Path) -> list[str]:
    """How it ended, and the next command."""
    sealed = f"sealed {short(seal(record))}" if record else f"kept in {journal}"
    return [
        *(f"warning: {note}" for note in run.notes),
        f"{run.name} {status}, {sealed}. Next: repro show {run.run_id[:8]}",
    ]


def interrupted_lines(run: Run, journal: Path) -> list[str]:
    """What to do after a second Ctrl-C, while the run was being ended."""
    return [
        f"warning: interrupted before all was stored; it is in {journal}. "
        f"Next: repro recover {run.run_id[:8]}",
    ]


def refused_lines(names: list[str]) -> list[str]:
    """What is to be noted on params that MLflow does not take, if there are any."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    shown = ", ".join(masked_text(repr(name[:NAME_CHARACTERS])) for name in names[:LISTED])
    return [f"MLflow refuses params for ever: {shown}{more}"] if names else []


def say(lines: list[str]) -> None:
    """Print them, if there is someone to read: a terminal may be closed."""
    if sys.stderr is None:
        return
    for line in lines:
        with suppress(OSError, ValueError):
            print(f"repro  {line}", file=sys.stderr, flush=True)


def _code_text(state: CodeState | Absent | None) -> str:
    if state is None:
        return "code still being read"
    if isinstance(state, Absent):
        return f"code unknown: {state.reason}"
    commit = (state.fact.commit or "no commit")[:9]
    return f"code {commit}{' dirty' if state.fact.is_dirty else ''}"
