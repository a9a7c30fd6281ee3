"""Which store a run goes to, by the rules of precedence."""

import getpass
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from repro.claims import Policy, find_settings

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Location:
    """A resolved store."""

    tracking_uri: str | None  # None: MLflow's own resolution
    root: Path  # the project: folder of repro.toml, or the working directory
    policy: Policy | None  # without its claims

    @property
    def resolved_uri(self) -> str:
        """The address of the store that is asked for."""
        import mlflow

        return self.tracking_uri or mlflow.get_tracking_uri()

    @property
    def addresses(self) -> tuple[str, ...]:
        """That address, and those of the stores on this machine that are used instead of it."""
        return tuple(dict.fromkeys((self.resolved_uri, self.embedded_uri, scratch_uri())))

    @property
    def embedded_uri(self) -> str:
        """The store that needs no server."""
        return f"{SQLITE}{self.root / 'mlruns' / 'mlflow.db'}"

    def journals(self, tracking_uri: str) -> Path:
        """Folder of the journals; the scratch folder's where that cannot be written."""
        folder = self.beside(tracking_uri)
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if existing.is_dir() and os.access(existing, os.W_OK):
            return folder
        return scratch() / "journal"

    def beside(self, tracking_uri: str) -> Path:
        """Folder of the journals beside the store's database, or beside the embedded store's."""
        database = database_file(tracking_uri) or Path(self.embedded_uri.removeprefix(SQLITE))
        folder = database.parent
        return (folder if folder.name == "mlruns" else folder / "mlruns") / "journal"


def database_file(tracking_uri: str) -> Path | None:
    """The file of a SQLite store; None: it is another kind of store.

    >>> database_file("sqlite:///file:/data/mlflow.db?mode=ro&uri=true")
    PosixPath('/data/mlflow.db')
    """
    if not tracking_uri.startswith(SQLITE):
        return None
    return Path(tracking_uri.removeprefix(SQLITE).partition("?")[0].removeprefix("file:"))


def is_absolute(tracking_uri: str) -> bool:
    """Whether a store is the same from every working directory."""
    database = database_file(tracking_uri)
    return database.is_absolute() if database else "://" in tracking_uri


def scratch() -> Path:
    """A folder of this user's that can be written when nothing else can."""
    return Path(tempfile.gettempdir()) / f"repro-{getpass.getuser()}"


def scratch_uri() -> str:
    """The store in that folder."""
    return f"{SQLITE}{scratch() / 'mlflow.db'}"


def locate(tracking_uri: str | None = None, start: Path | None = None) -> Location:
    """Resolve the store.

    Precedence: the argument (a command-line flag), then `MLFLOW_TRACKING_URI` or
    `mlflow.set_tracking_uri`, then `repro.toml`, then MLflow's default.
    """
    import mlflow

    start = (start or Path.cwd()).resolve()
    policy = find_settings(start)
    root = policy.root if policy else start
    is_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]  # MLflow's own
    if tracking_uri is None and policy and not is_set:
        tracking_uri = policy.resolved_tracking_uri()
    return Location(tracking_uri, root, policy)
