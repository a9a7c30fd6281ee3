"""Reads runs back from MLflow, ours and others'."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from repro.digest import digest_bytes
from repro.errors import RecordCorrupt, StoreUnavailable, UnknownRun
from repro.facts import fact_types
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.scores import Scores, Series
from repro.facts.segments import Segments
from repro.history import NO_REPLICATE, REPLAY_OF, SEGMENT, Launch
from repro.record import SEAL, RunRecord, load
from repro.store.held import held
from repro.store.integrity import Now, integrity
from repro.store.launches import launches
from repro.store.location import SQLITE, Location
from repro.store.mlflow import DEFAULT_EXPERIMENT, RECORD, first_line, probe, without_credentials
from repro.store.naming import meant
from repro.store.point import Point
from repro.store.variables import NO_PROGRESS_BAR, SHORT_PATIENCE, variables

PAGE = 1_000
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")
STILL_RUNNING = "MLflow says RUNNING: it was resumed, or its end was not written"
UNSEALED = "the run has no record that was sealed"
UNTRACKED = "the run was not tracked by repro, or has not ended"


@dataclass(frozen=True)
class MlflowHistory:
    """The runs of one experiment."""

    client: MlflowClient
    experiment: Experiment

    def find_runs(self, query: str = "") -> Sequence[str]:
        """Run ids that match an MLflow filter, oldest first, whatever their status.

        Replays are left out: the script gave each the tags of the run that it repeats. So are runs
        around those of a cross-validation, which are not one more replicate.

        Raises
        ------
        UnknownRun
            MLflow does not understand the filter.
        """
        found = self._search(query)
        return [run.info.run_id for run in found if NO_REPLICATE.isdisjoint(run.data.tags)]

    def every_run(self) -> Sequence[str]:
        """Ids of all runs, replays too, oldest first."""
        return [run.info.run_id for run in self._search("")]

    @cached_property
    def _launches(self) -> tuple[Launch, ...]:
        return tuple(launches(self.client, self.experiment.experiment_id))

    def launches(self) -> Sequence[Launch]:
        """Every run that was launched, deleted and failed ones and replays too; read once."""
        return self._launches

    def find_replays(self, run_id: str, around: str | None = None) -> Sequence[str]:
        """Ids of the runs that replays of a run have opened, inside another one if it is named."""
        inside = f" and tags.mlflow.parentRunId = '{around}'" if around else ""
        found = self._search(f"tags.`{REPLAY_OF}` = '{run_id}'{inside}")
        return [run.info.run_id for run in found]

    def record(self, run_id: str) -> RunRecord:
        """The stored record; of a run without one, what MLflow itself knows.

        Raises
        ------
        UnknownRun
            The store has no run of this id.
        RecordCorrupt
            The record is not there, or cannot be read.
        """
        run = self._run(run_id)
        if SEAL not in run.data.tags:
            return _foreign(run)
        self._artifact_uris[run_id] = run.info.artifact_uri
        record = _as_ended(self._sealed(run_id, run.data.tags[SEAL]), run)
        found = self.integrity(record, run)
        # A version that knew no segments resumed no run.
        added = {Segments.key(): Segments(), **record.facts, Integrity.key(): found}
        return replace(record, facts=added)

    def sealed(self, launch: Launch) -> RunRecord:
        """The record as it was sealed, without a look at what became of the run since.

        Raises
        ------
        RecordCorrupt
            There is none, or it is not the one that was sealed.
        """
        if SEAL not in launch.tags:
            raise RecordCorrupt(f"run {launch.run_id[:8]} has no record that was sealed.")
        if launch.artifact_uri:
            self._artifact_uris[launch.run_id] = launch.artifact_uri
        return self._sealed(launch.run_id, launch.tags[SEAL])

    def _sealed(self, run_id: str, seal: str) -> RunRecord:
        content = self.artifact(run_id, RECORD)
        _refuse_altered(content, run_id, seal)
        return load(content.decode())

    def integrity(
        self, record: RunRecord, run: Run, values: Callable[[str], list[Point]] | None = None
    ) -> Integrity | Absent:
        """What was altered in MLflow since the record was sealed; `values` reads a whole series."""
        if run.info.status == "RUNNING":
            return Absent(reason=STILL_RUNNING, kind="not_recorded")
        content_of = partial(self.find_artifact, run.info.run_id)
        status = None if _is_begun_again(record, run) else run.info.status
        return integrity(record, Now(held(run), content_of, values, status))

    def artifact(self, run_id: str, path: str) -> bytes:
        """Content of an artifact that a record refers to, or of the record itself.

        Raises
        ------
        RecordCorrupt
            It is not there, or cannot be read.
        """
        try:
            return _read(self._folder_of(run_id), path)
        except Exception as error:  # each store fails in its own way
            raise RecordCorrupt(
                f"{path} of run {run_id[:8]} cannot be fetched: {first_line(error)}"
            ) from error

    def _folder_of(self, run_id: str) -> ArtifactRepository:
        """Where its artifacts are: the client asks the database again for each of them."""
        if run_id not in self._artifact_uris:
            self._artifact_uris[run_id] = self._run(run_id).info.artifact_uri
        uri = self._artifact_uris[run_id]
        return get_artifact_repository(uri, tracking_uri=self.client.tracking_uri)

    @cached_property
    def _artifact_uris(self) -> dict[str, str]:
        """By run; one that was seen in passing need not be asked for."""
        return {}

    def find_artifact(self, run_id: str, path: str) -> bytes | None:
        """Content of an artifact; None where there is none.

        Raises
        ------
        RecordCorrupt
            It is there, or may be, and cannot be read.
        """
        try:
            return self.artifact(run_id, path)
        except RecordCorrupt:
            if self._has(run_id, path):
                raise
            return None

    def _has(self, run_id: str, path: str) -> bool:
        folder = path.rpartition("/")[0] or None
        try:
            return any(item.path == path for item in self.client.list_artifacts(run_id, folder))
        except (MlflowException, OSError):
            return True  # nobody knows

    def resolve(self, name: str) -> str:
        """Id of the run with this id, beginning of an id, or name; of several by a name the newest.

        Raises
        ------
        UnknownRun
            No run goes by it, or several may be meant.
        """
        try:
            return str(self._run(name).info.run_id)
        except UnknownRun:
            pass
        runs = self._search("")
        found = meant(name, {run.info.run_id: run.info.run_name or "" for run in runs})
        if found:
            return found[-1]
        newest = ", ".join(f"{run.info.run_id[:8]} {run.info.run_name}" for run in runs[-5:])
        raise UnknownRun(
            f"no run goes by {name!r} in experiment {self.experiment.name!r}; "
            f"its newest runs: {newest or 'none'}. Pass a run id or a run name."
        )

    def _run(self, run_id: str) -> Run:
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            raise UnknownRun(f"the store has no run {run_id!r}: {error.message}") from error

    def _search(self, query: str) -> list[Run]:
        runs: list[Run] = []
        token: str | None = None
        while True:
            try:
                page = self.client.search_runs(
                    [self.experiment.experiment_id],
                    query,
                    max_results=PAGE,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
            except MlflowException as error:
                raise UnknownRun(
                    f"MLflow does not understand the filter {query!r}: {error.message}"
                ) from error
            runs += page
            token = page.token
            if not token:
                return runs


def open_history(location: Location, experiment: str | None = None) -> MlflowHistory:
    """The experiment's runs: the one named, or repro.toml's, or MLflow's default.

    Raises
    ------
    StoreUnavailable
        The store cannot be read, or has no such experiment.
    """
    policy = location.policy
    name = experiment or (policy.experiment if policy else None) or DEFAULT_EXPERIMENT
    uri = location.resolved_uri
    refuse_missing_database(uri)
    shown = without_credentials(uri)
    try:
        probe(uri)
        with variables(SHORT_PATIENCE):
            client = MlflowClient(uri)
            found = client.get_experiment_by_name(name)
    except Exception as error:  # each store fails in its own way
        raise StoreUnavailable(f"{shown} cannot be read: {first_line(error)}") from error
    if found is None:
        known = ", ".join(sorted(e.name for e in client.search_experiments(max_results=20)))
        raise StoreUnavailable(
            f"{shown} has no experiment {name!r}; it has: {known or 'none'}. "
            f"Name one with --experiment, or run the training first."
        )
    return MlflowHistory(client, found)


def refuse_missing_database(uri: str) -> None:
    """Reading must not create a database where there is none."""
    path = Path(uri.removeprefix(SQLITE))
    if uri.startswith(SQLITE) and not path.exists():
        raise StoreUnavailable(
            f"there is no store at {path}. Run the training first, or pass --tracking-uri."
        )


def _read(folder: ArtifactRepository, path: str) -> bytes:
    fetch: Callable[..., str] = folder.download_artifacts
    if isinstance(folder, LocalArtifactRepository):  # it says where the file is, without a copy
        return Path(fetch(path)).read_bytes()
    with variables(NO_PROGRESS_BAR), tempfile.TemporaryDirectory(prefix="repro-") as copies:
        return Path(fetch(path, copies)).read_bytes()


def _refuse_altered(content: bytes, run_id: str, seal: str) -> None:
    """Compare the bytes with the seal: facts of an older version change when they are loaded."""
    if digest_bytes(content) != seal:
        raise RecordCorrupt(
            f"the record of run {run_id[:8]} is not the one that was sealed: it was "
            f"changed afterwards, and proves nothing. Run the training again."
        )


def _as_ended(record: RunRecord, run: Run) -> RunRecord:
    """The record with MLflow's status, where someone else ended the run after our block finished.

    And with the id that it has here: a run that `repro recover` copied had another one.
    """
    outcome, facts = record.find(Outcome), record.facts
    is_theirs = outcome is not None and outcome.is_attached and run.info.status in STATUSES
    # That the owner caught the error which left our block does not undo it.
    if outcome is not None and is_theirs and outcome.status == "FINISHED":
        facts = {**facts, Outcome.key(): outcome.but(status=run.info.status)}
    if outcome is not None and _is_begun_again(record, run):
        facts = {**facts, Outcome.key(): outcome.but(status=run.info.status)}
    return replace(record, run_id=run.info.run_id, facts=facts)


def _is_begun_again(record: RunRecord, run: Run) -> bool:
    """Whether a later process began to write to it, and has left no record."""
    begun, segments = run.data.tags.get(SEGMENT, ""), record.find(Segments)
    return segments is not None and begun.isdecimal() and int(begun) > segments.number


def _foreign(run: Run) -> RunRecord:
    """What MLflow knows about a run without a record of ours."""
    absent = Absent(reason=UNTRACKED, kind="not_recorded")
    facts: dict[str, Fact | Absent | Opaque] = dict.fromkeys(fact_types(), absent)
    facts[Integrity.key()] = Absent(reason=UNSEALED, kind="not_applicable")
    status = run.info.status if run.info.status in STATUSES else "RUNNING"
    ended_at = _time(run.info.end_time) if run.info.end_time else None
    facts[Outcome.key()] = Outcome.model_validate(
        {"status": status, "started_at": _time(run.info.start_time), "ended_at": ended_at}
    )
    logged = tuple(Param(name=k, value=v) for k, v in sorted(run.data.params.items()))
    facts[Params.key()] = Params(logged=logged)
    series = (
        Series(name=metric.key, last=metric.value, last_step=metric.step)
        for metric in run.data._metric_objs
    )
    facts[Scores.key()] = Scores(logged=tuple(series))
    return RunRecord(run.info.run_id, run.info.run_name or run.info.run_id[:8], facts)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
