"""A run in MLflow whose process has gone, and left something to write."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from repro.errors import ReproError, StoreUnavailable, UnknownRun
from repro.history import SEGMENT
from repro.record import RunRecord, dump
from repro.store.held import Held, held, values
from repro.store.journaled import Position, batches, note_shipped, shipped
from repro.store.journals import RunJournal
from repro.store.load import refuse_missing_database
from repro.store.location import SQLITE, Location
from repro.store.mlflow import (
    RECORD,
    OpenRun,
    first_connection,
    first_line,
    probe,
    without_credentials,
)
from repro.store.point import Point
from repro.store.spool import drop, keep, kept


@dataclass(frozen=True)
class LeftRun:
    """The run as MLflow knows it, and the journal that says what is left to write."""

    opened: OpenRun
    journal: RunJournal
    known: Run

    @property
    def began(self) -> datetime:
        """When it was opened in MLflow."""
        return datetime.fromtimestamp(self.known.info.start_time / 1000, UTC)

    def ship(self) -> int:
        """Send the metric values that MLflow does not have; how many it will never take.

        Those that came after the record was sealed are passed over: they are not of that run.
        """
        folder, n_refused = self.journal.folder, 0
        for points, position in batches(folder, shipped(folder), until=self._sealed_to):
            n_refused += self.opened.send(points)
            note_shipped(folder, position)
        for _, position in batches(folder, shipped(folder)):
            note_shipped(folder, position)
        return n_refused

    def n_late(self) -> int:
        """How many values came after the record was sealed, of which nobody was told before."""
        folder, to = self.journal.folder, self._sealed_to
        known = shipped(folder)
        if to is None:
            return 0
        offsets = {**to.offsets, **known.offsets}
        since = {name: max(at, to.offsets.get(name, 0)) for name, at in offsets.items()}
        return sum(len(points) for points, _ in batches(folder, Position(since)))

    @property
    def _sealed_to(self) -> Position | None:
        """Up to where the record knows the values; None: it does not say, or there is none."""
        to = self.journal.record.get("read_to")
        return None if to is None else Position(to)

    def held(self) -> Held:
        """What MLflow holds of it now."""
        return held(self.opened.client.get_run(self.opened.run_id))

    def values(self, name: str) -> list[Point]:
        """All values of a metric that MLflow holds, whoever logged them."""
        return values(self.opened.client, self.opened.run_id, name)

    def store(self, record: RunRecord) -> None:
        """Write the record, and the files that wait for it beside the journal."""
        folder = self.journal.folder
        files = {**kept(folder), RECORD: dump(record).encode()}
        self.opened.store(record, keep(folder, files))
        drop(folder)

    def set_segment(self, number: str | None) -> None:
        """Set the tag that counts the processes of the run, or delete it."""
        if number is not None:
            self.opened.client.set_tag(self.opened.run_id, SEGMENT, number)
        elif SEGMENT in self.known.data.tags:
            self.opened.client.delete_tag(self.opened.run_id, SEGMENT)

    def end(self, status: str, at: datetime) -> None:
        """End the run as what it was; one that someone else opened and ended stays as it is."""
        is_ours = self.journal.place and not self.journal.is_attached
        if not is_ours and self.known.info.status != "RUNNING":
            return
        self.opened.client.set_terminated(self.opened.run_id, status, round(at.timestamp() * 1000))


def find_run(journal: RunJournal, location: Location) -> LeftRun:
    """The run of a journal, in the store that it went to.

    Raises
    ------
    StoreUnavailable
        The store cannot be reached.
    UnknownRun
        It has no such run, or the run was deleted.
    """
    reason: ReproError = StoreUnavailable("its journal does not say which. Pass --tracking-uri.")
    for uri in _addresses(journal, location):
        try:
            return _found(journal, uri)
        except (StoreUnavailable, UnknownRun) as error:
            reason = error
    raise reason


def connect(uri: str, *, is_made: bool = False) -> MlflowClient:
    """A client of a store that answers; a database that is not there may be made.

    Raises
    ------
    StoreUnavailable
        It does not.
    """
    if not is_made:
        refuse_missing_database(uri)
    try:
        probe(uri)
        with first_connection(uri):
            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
    except Exception as error:  # each store fails in its own way
        shown = without_credentials(uri)
        raise StoreUnavailable(f"{shown} cannot be reached: {first_line(error)}") from error
    return client


def _found(journal: RunJournal, uri: str) -> LeftRun:
    client, shown = connect(uri), without_credentials(uri)
    try:
        run = client.get_run(journal.run_id)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise StoreUnavailable(f"{shown} cannot be read: {first_line(error)}") from error
        raise UnknownRun(
            f"{shown} has no such run. If it was deleted for good, delete {journal.folder}."
        ) from error
    if run.info.lifecycle_stage == "deleted":
        raise UnknownRun(
            f"it was deleted in {shown}. `mlflow runs restore --run-id {journal.run_id}` brings "
            f"it back; else delete {journal.folder}."
        )
    opened = OpenRun(journal.run_id, run.info.experiment_id, uri, journal.is_attached, _nothing)
    return LeftRun(opened, journal, run)


def _addresses(journal: RunJournal, location: Location) -> list[str]:
    """Of the store: with the credentials that the journal leaves out, where they are known."""
    known = location.addresses
    if journal.uri is None:  # killed before it wrote where it went: to the store of this folder
        here = journal.folder.parent
        folders = {uri: (location.journals(uri), location.beside(uri)) for uri in known}
        return [uri for uri in known if here in [path.resolve() for path in folders[uri]]]
    if journal.uri.startswith(SQLITE):
        return [_database(journal.uri, journal.folder)]
    return [uri for uri in known if without_credentials(uri) == journal.uri][:1] or [journal.uri]


def _database(uri: str, folder: Path) -> str:
    """With the whole path of the file, of which the training's working directory may be a part."""
    database = Path(uri.removeprefix(SQLITE))
    if database.is_absolute():
        return uri
    beside = folder.parent.parent  # `mlruns`
    if database.parent.name != beside.name:
        beside = beside.parent
    return f"{SQLITE}{beside / database.name}"


def _nothing() -> None:
    """No address was set that would have to be given back."""
