"""The only writer to MLflow: opens a run, sends to it, and stores the record."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, RunTag
from mlflow.entities import Param as MlflowParam
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from repro.digest import canonical_json, digest_bytes, short
from repro.errors import StoreUnavailable, UsageError
from repro.facts.data import Data
from repro.facts.params import Param
from repro.facts.scores import Scores
from repro.observe.redaction import masked_text, masked_url
from repro.record import RunRecord
from repro.record_tags import short_tags
from repro.store.active_stack import (
    TRACKED,
    UriOverride,
    beginning,
    end_active,
    untracked_run,
)
from repro.store.colspec import colspec
from repro.store.description import merged_description
from repro.store.held import Held, few_values, held
from repro.store.location import Location, database_file, scratch
from repro.store.params import send_params
from repro.store.point import Point
from repro.store.shipper import Store
from repro.store.variables import LITTLE_PATIENCE, NO_PATIENCE, SHORT_PATIENCE, variables
from repro.store.view import save_view

PROBE_SECONDS = 1.0
DATABASES = {"mssql": 1433, "mysql": 3306, "postgresql": 5432}  # their ports
PORTS = {"http": 80, "https": 443, **DATABASES}
LOCK_SECONDS = 60.0
DEFAULT_EXPERIMENT = "Default"
RECORD = "repro/record.json"
INSTEAD_OF = "repro.instead_of"  # tag


@dataclass(frozen=True)
class OpenRun:
    """A run in MLflow that is being written to."""

    run_id: str
    experiment_id: str
    tracking_uri: str
    is_attached: bool
    give_back_uri: Callable[[], None]  # undoes our `mlflow.set_tracking_uri`
    instead_of: str | None = None  # the store that could not be used, and why
    known_params: frozenset[str] = frozenset()  # of a resumed run: MLflow takes no param twice
    tags: Mapping[str, str] = field(default_factory=dict)  # that the script asked for
    _lost: threading.Event = field(default_factory=threading.Event)  # the server is silent

    @property
    def client(self) -> MlflowClient:
        """A client of this run's store.

        Raises
        ------
        StoreUnavailable
            The server did not answer `read_back`: each further try would cost as long.
        """
        if self._lost.is_set():
            raise StoreUnavailable(f"{self.shown_uri} did not answer before.")
        return MlflowClient(self.tracking_uri)

    @property
    def shown_uri(self) -> str:
        """The store, without credentials."""
        return without_credentials(self.tracking_uri)

    @property
    def as_store(self) -> Store:
        """What the shipper has to know."""
        return Store(self.send, self.is_there)

    def is_there(self) -> bool:
        """Whether the store answers, within a second."""
        try:
            probe(self.tracking_uri)
        except OSError:
            return False
        return True

    def give_up(self) -> None:
        """The store was silent: it is not asked again, each further try would cost as long."""
        self._lost.set()

    def send(self, points: list[Point]) -> int:
        """Log up to 1,000 metric values in one call; sending them again changes nothing.

        Returns how many MLflow refuses for ever; they keep no others from arriving.
        """
        metrics = [Metric(p.key, p.value, p.timestamp_ms, p.step) for p in points]
        try:
            self.client.log_batch(self.run_id, metrics=metrics, synchronous=True)
        except MlflowException as error:
            if not self._is_refused(error):
                raise
            names = sorted({point.key for point in points})
            if len(names) == 1:
                return len(points)
            return sum(self.send([p for p in points if p.key == name]) for name in names)
        return 0

    def log_params(self, params: tuple[Param, ...]) -> list[str]:
        """Log the declared hyperparameters that MLflow does not have, 100 a call.

        Returns the names that MLflow refuses for ever; they keep no others from arriving.
        """
        new = [param for param in params if param.name not in self.known_params]

        def send(some: list[MlflowParam]) -> None:
            self.client.log_batch(self.run_id, params=some)

        with variables(SHORT_PATIENCE):  # the training waits
            return send_params(new, send, self._is_refused)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set these tags of the run."""
        with variables(SHORT_PATIENCE):
            found = [RunTag(name, value) for name, value in tags.items()]
            if found:
                self.client.log_batch(self.run_id, tags=found)

    def _is_refused(self, error: MlflowException) -> bool:
        """Whether it is for ever; a deleted run may be restored."""
        is_invalid = error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE)
        return is_invalid and self.client.get_run(self.run_id).info.lifecycle_stage != "deleted"

    def log_inputs(self, data: Data) -> None:
        """Show each data set in the run's inputs, by our digest."""
        inputs = []
        for role in data.roles:
            profile = {
                "num_rows": role.n_rows,
                "num_columns": role.n_columns,
                "num_elements": role.n_rows * role.n_columns,
            }
            dataset = Dataset(
                name=role.role,
                digest=short(role.rows_digest),
                source_type="repro",
                source=canonical_json({"rows_digest": role.rows_digest, "kind": role.kind}),
                profile=canonical_json(profile),
                schema=colspec(role),
            )
            inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", role.role)]))
        self.client.log_inputs(self.run_id, inputs)

    def read_back(self) -> Held:
        """What MLflow holds by now, whoever logged it."""
        try:
            with variables(LITTLE_PATIENCE):
                client = self.client
                mlflow.flush_async_logging()  # by the script, with `synchronous=False`
                return held(client.get_run(self.run_id))
        except Exception:
            if is_server(self.tracking_uri):
                self.give_up()
            raise

    def values(self, name: str, at_most: int) -> list[Point] | None:
        """All values of a metric; None where there are more than so many, or they are not told."""
        try:
            with variables(LITTLE_PATIENCE):
                return few_values(self.client, self.run_id, name, at_most)
        except Exception:  # each store fails in its own way; the record says that it was not read
            return None

    def store(self, record: RunRecord, files: Path) -> None:
        """Write data sets, everything in this folder, tags and the run's description."""
        client, data = self.client, record.find(Data)
        if data is not None:
            self.log_inputs(data)
        client.log_artifacts(self.run_id, str(files))
        self.set_tags(short_tags(record))
        note = client.get_run(self.run_id).data.tags.get("mlflow.note.content", "")
        client.set_tag(self.run_id, "mlflow.note.content", merged_description(note, record))
        scores = record.find(Scores)
        save_view(client, self.experiment_id, scores.names() if scores else ())

    def end(self, status: str) -> None:
        """End the run as what it was; a run that someone else opened stays open."""
        try:
            if not self.is_attached:
                with variables(NO_PATIENCE if self._lost.is_set() else {}):
                    end_active(self.tracking_uri, self.run_id, status)
        finally:
            TRACKED.discard(self.run_id)
            self.give_back_uri()


def attach(tags: Mapping[str, str]) -> OpenRun | None:
    """The MLflow run that is active in this thread, unless another task's block has it."""
    active = untracked_run()
    if active is None:
        return None
    uri, info = mlflow.get_tracking_uri(), active.info
    return OpenRun(info.run_id, info.experiment_id, uri, True, lambda: None, tags=tags)


def open_run(
    location: Location,
    *,
    experiment: str | None,
    name: str,
    tags: Mapping[str, str],
    around: str | None,
) -> OpenRun:
    """Start a run in the resolved store; if that cannot be used, in a store on this machine.

    `around` is the id of the tracked run that it is nested in, here or in another process.

    Raises
    ------
    StoreUnavailable
        No store can be written, not even in the folder for temporary files.
    """
    override = UriOverride()
    reasons: list[str] = []
    for uri in location.addresses:
        try:
            with variables(SHORT_PATIENCE):  # it may take connections, and answer none
                return _start(location, uri, experiment, name, tags, around, override, reasons)
        except UsageError:
            override.give_back()
            raise
        except Exception as error:  # each store fails in its own way; the next one is tried
            reasons.append(f"{without_credentials(uri)}: {first_line(error)}")
        except BaseException:  # Ctrl-C
            override.give_back()
            raise
    override.give_back()
    raise StoreUnavailable(
        f"no store can be written: {'; '.join(reasons)}. "
        f"Set MLFLOW_TRACKING_URI, or `tracking_uri` in repro.toml, to one that can."
    )


def _start(
    location: Location,
    uri: str,
    experiment: str | None,
    name: str,
    tags: Mapping[str, str],
    around: str | None,
    override: UriOverride,
    reasons: list[str],
) -> OpenRun:
    probe(uri)
    override.set(uri)
    with first_connection(uri):
        experiment_id = _experiment_id(MlflowClient(uri), location, uri, experiment)
    with beginning(uri, around):
        outer = mlflow.active_run()  # where that one is, this one is, too
        instead_of = "; ".join(reasons) or (outer.data.tags.get(INSTEAD_OF) if outer else None)
        ours = {INSTEAD_OF: instead_of[:500]} if instead_of else {}
        parent = {MLFLOW_PARENT_RUN_ID: around} if around else {}  # MLflow sees this process only
        run = mlflow.start_run(
            experiment_id=experiment_id,
            run_name=name,
            nested=around is not None,
            tags={**_masked_context(), **tags, **ours, **parent},
        )
    place = (run.info.run_id, experiment_id, uri)
    return OpenRun(*place, False, override.give_back, instead_of, tags=tags)


def _masked_context() -> dict[str, str]:
    """Those of MLflow's own tags that hold a secret: path of the script, branch, URL of git."""
    found = {name: (value, masked_url(value)) for name, value in resolve_tags().items()}
    return {name: masked for name, (value, masked) in found.items() if masked != value}


def probe(uri: str) -> None:
    """Fail within a second where a server does not answer; MLflow would try for minutes."""
    parts = urlsplit(uri)
    is_behind_proxy = parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
    port = parts.port or PORTS.get(parts.scheme.partition("+")[0])
    if port and parts.hostname and not is_behind_proxy:
        socket.create_connection((parts.hostname, port), timeout=PROBE_SECONDS).close()


@contextmanager
def first_connection(uri: str) -> Iterator[None]:
    """One process at a time: two that create the tables of a database together fail.

    A SQLite file is broken for ever then. Other machines are not kept from a database server.
    """
    lock = _lock(uri)
    if lock is None:
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=LOCK_SECONDS), _quiet():
        yield


def _lock(uri: str) -> Path | None:
    """Beside the database's file; of a database server in a folder of this machine."""
    if database := database_file(uri):
        return database.with_name(f"{database.name}.lock")
    if urlsplit(uri).scheme.partition("+")[0] in DATABASES:
        name = short(digest_bytes(without_credentials(uri).encode()))
        return scratch() / f"{name}.lock"
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Creating a database prints 70 lines; none of them helps."""
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow.store.db.utils")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _experiment_id(
    client: MlflowClient, location: Location, uri: str, experiment: str | None
) -> str:
    from mlflow.tracking import fluent

    chosen = fluent._get_experiment_id()  # by mlflow.set_experiment or the environment
    if experiment is None and chosen not in (None, "0"):
        return _existing(client, str(chosen))
    policy = location.policy
    name = experiment or (policy.experiment if policy else None) or DEFAULT_EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        found = create_experiment(client, uri, name)
    if found.lifecycle_stage == "deleted":
        raise UsageError(
            f"experiment {name!r} was deleted. Restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}`, or choose another name."
        )
    return str(found.experiment_id)


def _existing(client: MlflowClient, experiment_id: str) -> str:
    """An experiment that was chosen before this store was."""
    try:
        return str(client.get_experiment(experiment_id).experiment_id)
    except MlflowException as error:
        raise UsageError(
            f"the experiment of mlflow.set_experiment, id {experiment_id}, is not in this store. "
            f"Pass experiment= to tracked_run, or call mlflow.set_tracking_uri before it."
        ) from error


def create_experiment(client: MlflowClient, uri: str, name: str) -> mlflow.entities.Experiment:
    """A new experiment; the one of this name if another process was faster."""
    artifacts = None  # beside a database; MLflow would take the working directory
    if database := database_file(uri):
        artifacts = (database.absolute().parent / "artifacts").as_uri()
    try:
        experiment_id = client.create_experiment(name, artifact_location=artifacts)
    except MlflowException:  # another process was faster
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found
    return client.get_experiment(experiment_id)


def is_server(uri: str) -> bool:
    """Whether a store is behind a network."""
    return uri.startswith(("http://", "https://"))


def without_credentials(uri: str) -> str:
    """The address of a store as it may be shown."""
    return masked_url(uri)


def first_line(error: BaseException) -> str:
    """The first line of an error's text without secrets, cut to 200 characters."""
    return (masked_text(str(error)).strip().splitlines() or [type(error).__name__])[0][:200]
