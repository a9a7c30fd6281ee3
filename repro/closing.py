"""Ends a run: ships what is left, seals the record, stores it; says what could not be done."""

import tempfile
from contextlib import suppress
from pathlib import Path

from repro import recording
from repro.ending import Ending
from repro.facts.outcome import Outcome
from repro.observe.redaction import masked_text
from repro.record import RunRecord, dump, seal
from repro.run import Run
from repro.store.journal import Journal
from repro.store.mlflow import RECORD
from repro.store.spool import drop, keep
from repro.store.variables import SHORT_PATIENCE, variables

DRAIN_SECONDS = 20.0
KILLED_SECONDS = 5.0  # to drain; who asked the process to end may kill it after 10


def finish(run: Run, journal: Journal, ending: Ending) -> RunRecord | None:
    """End the run; its record, unless none could be built. Everything is in the journal first.

    An exception that interrupts this, such as a second Ctrl-C, passes on; MLflow is told at least
    how the run ended, if it answers at once.
    """
    run.notes.extend(ending.notes)
    journal.append("ending", _told(ending))
    try:
        return _finish(run, journal, ending)
    except BaseException:
        run.opened.give_up()
        with run.noted("the run was not ended"):
            run.opened.end(ending.status)
        raise


def leave(run: Run, journal: Journal, ending: Ending) -> None:
    """End what this process did for a run that rank 0 records: its journal stays."""
    journal.append("ending", _told(ending))
    run.shipper.drain(KILLED_SECONDS)
    run.opened.end(ending.status)


def _finish(run: Run, journal: Journal, ending: Ending) -> RunRecord | None:
    n_left = run.shipper.drain(KILLED_SECONDS if ending.status == "KILLED" else DRAIN_SECONDS)
    if run.shipper.is_silent and (n_left or run.shipper.n_lost):
        run.opened.give_up()
    run.notes.extend(_left(run, journal, n_left))
    if journal.failure:
        run.notes.append(f"{journal.folder} is incomplete: {journal.failure}")
    record: RunRecord | None = None
    is_stored = is_closed = False
    with variables(SHORT_PATIENCE):
        with run.noted("the record was not built"):
            record = recording.final(run, _outcome(run, ending))
            with suppress(OSError):
                keep(journal.folder, run.seen.evidence())  # first: the record refers to it
            sealed = {"json": dump(record), "seal": seal(record)}
            journal.append("record", {**sealed, "read_to": run.shipper.read_to})
        if record is not None:
            with run.noted("the record was not stored"):
                _store(run, record, journal.folder)
                is_stored = True
        with run.noted("the run was not ended"):
            run.opened.end(ending.status)
            is_closed = True
    notes = [masked_text(note) for note in run.notes]
    done = {"is_stored": is_stored, "is_closed": is_closed, "n_left": n_left}
    journal.append("ended", {"status": ending.status, "notes": notes, **done})
    return record


def _left(run: Run, journal: Journal, n_left: int) -> list[str]:
    """What became of the metric values that MLflow does not have."""
    shipper = run.shipper
    why = f" ({shipper.last_error})" if shipper.last_error else ""
    said = {
        f"{n_left} metric values are in {journal.folder} only{why}: "
        f"`repro recover {run.run_id[:8]}` ships them": n_left,
        f"{shipper.n_lost} metric values are lost: neither {journal.folder} took them "
        f"({journal.failure}) nor MLflow{why}": shipper.n_lost,
        f"MLflow refuses {shipper.n_refused} metric values for ever": shipper.n_refused,
    }
    return [text for text, n in said.items() if n]


def _outcome(run: Run, ending: Ending) -> Outcome:
    return Outcome.model_validate(
        {
            **_told(ending),
            "started_at": run.started_at,
            "is_attached": run.opened.is_attached,
            "notes": tuple(map(masked_text, filter(None, (*run.notes, ending.unwatched)))),
        }
    )


def _told(ending: Ending) -> dict[str, str | None]:
    """As the fact and the journal tell it."""
    return {
        "status": ending.status,
        "error": ending.error,
        "traceback": ending.traceback,
        "reason": ending.reason,
        "ended_at": ending.at.isoformat(),
    }


def _store(run: Run, record: RunRecord, journal: Path) -> None:
    """From files beside the journal, which stay there until MLflow has them."""
    files = {**run.seen.evidence(), RECORD: dump(record).encode()}
    try:
        folder = keep(journal, files)
    except OSError:  # that disk is full; another may not be
        drop(journal)  # half of them would be taken for all
        with tempfile.TemporaryDirectory(prefix="repro-") as elsewhere:
            run.opened.store(record, keep(Path(elsewhere), files))
    else:
        run.opened.store(record, folder)
        drop(journal)
