"""Ends a run: ships what is left, seals the record, stores it; says what could not be done."""

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from repro.ending import Ending
from repro.facts.outcome import Outcome
from repro.observe.redaction import masked_text
from repro.record import RunRecord, dump, seal
from repro.run import Run
from repro.store.journal import Journal
from repro.store.mlflow import RECORD
from repro.store.variables import SHORT_PATIENCE, variables

DRAIN_SECONDS = 20.0
ARTIFACTS = "artifacts"  # in the journal: what MLflow does not have yet


def finish(run: Run, journal: Journal, ending: Ending) -> RunRecord | None:
    """End the run; its record, unless none could be built. Everything is in the journal first."""
    n_left = run.shipper.drain(DRAIN_SECONDS)
    if n_left:
        run.opened.give_up()
        why = f" ({run.shipper.last_error})" if run.shipper.last_error else ""
        run.notes.append(
            f"{n_left} metric values are in {journal.folder} only{why}: "
            f"`repro recover {run.run_id[:8]}` ships them"
        )
    if journal.failure:
        run.notes.append(f"{journal.folder} is incomplete: {journal.failure}")
    record: RunRecord | None = None
    is_stored = is_closed = False
    with variables(SHORT_PATIENCE):
        with run.noted("the record was not built"):
            record = run.record(_outcome(run, ending))
            journal.append("record", {"json": dump(record), "seal": seal(record)})
        if record is not None:
            with run.noted("the record was not stored"):
                _store(run, record, journal.folder / ARTIFACTS)
                is_stored = True
        with run.noted("the run was not ended"):
            run.opened.end(ending.status)
            is_closed = True
    notes = [masked_text(note) for note in run.notes]
    done = {"is_stored": is_stored, "is_closed": is_closed, "n_left": n_left}
    journal.append("ended", {"status": ending.status, "notes": notes, **done})
    return record


def _outcome(run: Run, ending: Ending) -> Outcome:
    return Outcome.model_validate(
        {
            "status": ending.status,
            "error": ending.error,
            "traceback": ending.traceback,
            "reason": ending.reason,
            "started_at": run.started_at,
            "ended_at": datetime.now(UTC),
            "is_attached": run.opened.is_attached,
            "notes": tuple(map(masked_text, run.notes)),
        }
    )


def _store(run: Run, record: RunRecord, folder: Path) -> None:
    """From files beside the journal, which stay there until MLflow has them."""
    files = {**run.seen.evidence(), RECORD: dump(record).encode()}
    try:
        _write(folder, files)
    except OSError:  # that disk is full; another may not be
        with tempfile.TemporaryDirectory(prefix="repro-") as elsewhere:
            _write(Path(elsewhere), files)
            run.opened.store(record, Path(elsewhere))
    else:
        run.opened.store(record, folder)
    with suppress(OSError):
        shutil.rmtree(folder)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
