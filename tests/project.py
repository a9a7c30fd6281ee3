"""Fixtures for tests that track runs: a git repository with a store of its own."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from filelock import FileLock
from mlflow import MlflowClient

from repro.record import RunRecord
from repro.store.load import MlflowHistory

EXPERIMENT = "tests"
POLICY = f"""
tracking_uri = "sqlite:///mlruns/mlflow.db"
experiment = "{EXPERIMENT}"
"""


@dataclass(frozen=True)
class Project:
    """A folder with a repository, a repro.toml and a store."""

    root: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.root}/mlruns/mlflow.db"

    @property
    def history(self) -> MlflowHistory:
        client = MlflowClient(self.uri)
        return MlflowHistory(client, client.get_experiment_by_name(EXPERIMENT))

    def record(self, run_id: str) -> RunRecord:
        return self.history.record(run_id)

    def git(self, *words: str) -> str:
        return git(self.root, *words)

    def policy(self, text: str) -> None:
        """Replace repro.toml, below the store's lines."""
        (self.root / "repro.toml").write_text(POLICY + text)
        self.commit()

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    command: Sequence[str] = ("git", *identity, *words)
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making one takes seconds, copying it none.

    The first worker makes it for all.
    """
    folder = tmp_path_factory.getbasetemp()
    database = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "mlflow.db"
    with FileLock(f"{database}.lock"):
        if not database.exists():
            MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The working directory is a fresh project with one commit."""
    made = new_project(tmp_path / "project", empty_store)
    monkeypatch.chdir(made.root)
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as if never set
    return made


def new_project(root: Path, empty_store: Path) -> Project:
    """A fresh project with one commit."""
    (root / "mlruns").mkdir(parents=True)
    shutil.copyfile(empty_store, root / "mlruns" / "mlflow.db")
    (root / ".gitignore").write_text("mlruns/\n__pycache__/\n")
    (root / "train.py").write_text("lr = 0.1\n")
    git(root, "init", "-q", "-b", "main")
    made = Project(root)
    made.policy("")
    return made
