"""A run in MLflow that is to be gone on with."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from repro.errors import StoreUnavailable, UnknownRun
from repro.facts.integrity import Integrity
from repro.history import SEGMENT
from repro.record import SEAL, RunRecord, load
from repro.store.active_stack import UriOverride, beginning, untracked_run
from repro.store.journal import Journal
from repro.store.load import MlflowHistory, open_history
from repro.store.location import Location
from repro.store.mlflow import (
    INSTEAD_OF,
    RECORD,
    OpenRun,
    first_line,
    probe,
    without_credentials,
)
from repro.store.variables import LITTLE_PATIENCE, SHORT_PATIENCE, variables

COPIED_TO = "repro.copied_to"


@dataclass(frozen=True)
class EarlierRun:
    """The run as MLflow knows it now."""

    history: MlflowHistory
    uri: str
    known: Run

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.known.info.run_id)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.known.info.run_name or self.run_id[:8])

    @property
    def status(self) -> Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]:
        """How it ended, as far as MLflow knows."""
        status = self.known.info.status
        return status if status in ("RUNNING", "FINISHED", "FAILED") else "KILLED"

    @property
    def is_deleted(self) -> bool:
        """Whether it is in MLflow's trash."""
        return bool(self.known.info.lifecycle_stage == "deleted")

    @property
    def is_recorded(self) -> bool:
        """Whether it has a record of ours."""
        return SEAL in self.known.data.tags

    @property
    def copied_to(self) -> str | None:
        """The run that it was copied to."""
        copy = self.known.data.tags.get(COPIED_TO)
        return None if copy is None else str(copy)

    @property
    def begun(self) -> int:
        """How many processes began to write to it, whether they left a record or not."""
        number = str(self.known.data.tags.get(SEGMENT, "1"))
        return int(number) if number.isdecimal() else 1

    @property
    def params(self) -> Mapping[str, str]:
        """Every parameter, as MLflow keeps it."""
        return dict(self.known.data.params)

    @property
    def experiment(self) -> str:
        """Name of the experiment that it is in."""
        found = self.history.client.get_experiment(self.known.info.experiment_id)
        return str(found.name)

    def record(self) -> tuple[RunRecord, bytes]:
        """The record, and as what it was stored.

        Raises
        ------
        RecordCorrupt
            It is not there, cannot be read, or was altered.
        """
        known = self.history.record(self.run_id)  # compared with what MLflow holds
        content = self.history.artifact(self.run_id, RECORD)
        record = load(content.decode())
        facts = {**record.facts, Integrity.key(): known.get(Integrity)}
        return replace(record, facts=facts), content

    def keep(self, path: str, content: bytes) -> None:
        """Store a copy of the record, before another takes its place."""
        self.history.client.log_text(self.run_id, content.decode(), path)

    def tag(self, name: str, value: str) -> None:
        """Set a tag."""
        self.history.client.set_tag(self.run_id, name, value)

    def again(self) -> "EarlierRun":
        """The run as it is now."""
        return _run(self.history, self.uri, self.run_id)


def find_earlier(location: Location, run: str, experiment: str | None) -> EarlierRun:
    """The run with this id, beginning of an id, or name.

    Besides the resolved store, in those on this machine that were used instead of it.

    Raises
    ------
    UnknownRun
        No run goes by it.
    StoreUnavailable
        No store can be read.
    """
    reasons: list[StoreUnavailable | UnknownRun] = []
    for uri in location.addresses:
        try:
            history = open_history(Location(uri, location.root, location.policy), experiment)
            found = _run(history, uri, history.resolve(run))
        except (StoreUnavailable, UnknownRun) as error:
            reasons.append(error)
            continue
        if uri == location.resolved_uri or INSTEAD_OF in found.known.data.tags:
            return found
    raise reasons[0]


def attached_run() -> EarlierRun | None:
    """The MLflow run that `attach` would take; None: there is none, or it cannot be read."""
    active = untracked_run()
    if active is None:
        return None
    uri = mlflow.get_tracking_uri()
    client = MlflowClient(uri)
    try:
        probe(uri)
        with variables(LITTLE_PATIENCE):
            experiment = client.get_experiment(active.info.experiment_id)
            return _run(MlflowHistory(client, experiment), uri, active.info.run_id)
    except Exception:  # a store that fails is told of when the run attaches to it
        return None


def tell_resuming(folder: Path, stored: EarlierRun, segment: int) -> None:
    """Journal that the run is about to go on, and what it is again if its process dies at once."""
    tags, ended_ms = stored.known.data.tags, stored.known.info.end_time
    place = {
        "uri": without_credentials(stored.uri),
        "instead_of": tags.get(INSTEAD_OF),
        "run_id": stored.run_id,
        "name": stored.name,
        "started_at": datetime.now(UTC).isoformat(),
        "segment": segment,
        "was": {"status": stored.status, "ended_ms": ended_ms, "segment": tags.get(SEGMENT)},
    }
    with closing(Journal(folder)) as journal:
        journal.append("resuming", place)


def reopen(uri: str, known: Run, tags: Mapping[str, str]) -> OpenRun:
    """Go on with a run that has ended; MLflow calls it RUNNING again.

    Raises
    ------
    StoreUnavailable
        MLflow does not open it.
    """
    override = UriOverride()
    try:
        override.set(uri)
        with variables(SHORT_PATIENCE), beginning(uri, None, known.info.status):
            mlflow.start_run(run_id=known.info.run_id, tags=dict(tags))
    except BaseException as error:  # each store fails in its own way; and Ctrl-C
        override.give_back()
        if not isinstance(error, Exception):
            raise
        shown = without_credentials(uri)
        raise StoreUnavailable(
            f"{shown} does not open run {known.info.run_id[:8]} again: {first_line(error)}"
        ) from error
    return OpenRun(
        known.info.run_id,
        known.info.experiment_id,
        uri,
        is_attached=False,
        give_back_uri=override.give_back,
        instead_of=known.data.tags.get(INSTEAD_OF),
        known_params=frozenset(known.data.params),
        tags=tags,
    )


def _run(history: MlflowHistory, uri: str, run_id: str) -> EarlierRun:
    return EarlierRun(history, uri, history.client.get_run(run_id))
