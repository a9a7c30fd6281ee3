"""Writes to the journal, while a run goes on, what a killed one should leave."""

import time
from datetime import UTC, datetime
from functools import partial

from repro import recording
from repro.continuation import Earlier, segment_after
from repro.ending import Signals
from repro.observe.observer import observed
from repro.record import RunRecord, dump_facts
from repro.record_tags import early_tags
from repro.run import Run
from repro.store.journal import EVENTS, FORMAT, Journal
from repro.store.mlflow import OpenRun
from repro.store.spool import FOLDER, keep

BYTES_A_SECOND = 20_000  # a long ledger of scores is not written at every epoch


class EarlyFacts:
    """The facts that cost little, again when there is news."""

    def __init__(self, run: Run, journal: Journal, signals: Signals) -> None:
        self._run = run
        self._journal = journal
        self._signals = signals
        self._n_told = 0
        self._next = 0.0
        self._is_code_told = False
        self._kept: set[str] = set()  # paths of the evidence that waits beside the journal
        self._tags = dict(run.opened.tags)  # that MLflow has, or will have
        self.write()

    def write(self) -> None:
        """Write the facts if they have changed, and what asked the run to end; never raises."""
        if not (self._journal.folder / EVENTS).is_file():  # someone has deleted the folder
            self._again()
        self._tell_signals()
        seen = self._run.seen
        if seen.trace is not None:
            observed(seen.trace.flush, self._journal.folder / FOLDER)
        is_code_new = not self._is_code_told and seen.code_state.seen(0) is not None
        is_news = seen.is_news or is_code_new or seen.is_environment_due
        if is_news and time.monotonic() >= self._next:
            self._is_code_told = seen.code_state.seen(0) is not None
            seen.is_news = False
            observed(self._append)

    def _again(self) -> None:
        run = self._run
        tell_place(self._journal, run.opened, run.name, run.earlier, run.started_at)
        self._n_told, self._next, run.seen.is_news = 0, 0.0, True
        self._kept = set()

    def _tell_signals(self) -> None:
        """Soon a harder one may come; the signal's own handler must not wait for a lock."""
        for name in self._signals.came[self._n_told :]:
            self._n_told += 1
            self._journal.append("signal", {"name": name, "at": datetime.now(UTC).isoformat()})

    def _append(self) -> None:
        run = self._run
        record = recording.early(run)
        data = dump_facts(record.facts)
        observed(self._keep_evidence)
        self._journal.append("facts", data)
        self._tag(record)
        self._next = time.monotonic() + len(str(data)) / BYTES_A_SECOND

    def _tag(self, record: RunRecord) -> None:
        """Where this machine is lost, its journal is, too: MLflow is told whose run it was."""
        tags = early_tags(record)
        if not tags.items() <= self._tags.items():
            self._tags |= tags
            self._run.shipper.tell(partial(self._run.opened.set_tags, tags))

    def _keep_evidence(self) -> None:
        """What the facts refer to: a killed run's code can be brought back, too.

        A path names the content's digest: the same paths are the same files.
        """
        found = self._run.seen.evidence()
        if found.keys() != self._kept:
            keep(self._journal.folder, found)
            self._kept = set(found)


def tell_place(
    journal: Journal, opened: OpenRun, name: str, earlier: Earlier | None, started_at: datetime
) -> None:
    """Write where the run is: without it, nobody finds what a killed one left."""
    place = {
        "format": FORMAT,
        "uri": opened.shown_uri,
        "instead_of": opened.instead_of,
        "run_id": opened.run_id,
        "experiment_id": opened.experiment_id,
        "name": name,
        "started_at": started_at.isoformat(),
        "is_attached": opened.is_attached,
        "tags": dict(opened.tags),
        "segment": segment_after(earlier),
    }
    journal.append("run", place)
