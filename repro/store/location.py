"""Which store a run goes to, by the rules of precedence."""

import getpass
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from repro.claims import Policy, find_policy

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Location:
    """A resolved store."""

    tracking_uri: str | None  # None: MLflow's own resolution
    root: Path  # the project: folder of repro.toml, or the working directory
    policy: Policy | None

    @property
    def embedded(self) -> Path:
        """Folder of the store that needs no server: the one asked for, or `mlruns`."""
        if self.tracking_uri and self.tracking_uri.startswith(SQLITE):
            return Path(self.tracking_uri.removeprefix(SQLITE)).parent
        return self.root / "mlruns"

    @property
    def embedded_uri(self) -> str:
        """Its database."""
        return f"{SQLITE}{self.embedded / 'mlflow.db'}"

    @property
    def journals(self) -> Path:
        """Folder of the journals: beside the embedded store where that can be written."""
        folder = self.embedded / "journal"
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if existing.is_dir() and os.access(existing, os.W_OK):
            return folder
        return scratch() / "journal"


def scratch() -> Path:
    """A folder of this user's that can be written when nothing else can."""
    return Path(tempfile.gettempdir()) / f"repro-{getpass.getuser()}"


def locate(tracking_uri: str | None = None, start: Path | None = None) -> Location:
    """Resolve the store.

    Precedence: the argument (a command-line flag), then `MLFLOW_TRACKING_URI` or
    `mlflow.set_tracking_uri`, then `repro.toml`, then MLflow's default.
    """
    import mlflow

    start = (start or Path.cwd()).resolve()
    policy = find_policy(start)
    root = policy.root if policy else start
    is_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]  # MLflow's own
    if tracking_uri is None and policy and not is_set:
        tracking_uri = policy.resolved_tracking_uri()
    return Location(tracking_uri, root, policy)
