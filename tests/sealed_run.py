"""A sealed run in a real store that tests may tamper with; each begins with it untouched."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from project import EXPERIMENT, POLICY, git

import repro
from repro.record import RunRecord
from repro.store.load import MlflowHistory
from repro.verification import Verification, verify


@dataclass(frozen=True)
class SealedRun:
    """The run, its store, and ways to change it behind MLflow's back."""

    root: Path
    run_id: str

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.database}")

    @property
    def database(self) -> Path:
        return self.root / "mlruns" / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        (folder,) = (self.root / "mlruns" / "artifacts").glob("*/artifacts")
        return folder

    @property
    def journals(self) -> Path:
        return self.root / "mlruns" / "journal"

    @property
    def history(self) -> MlflowHistory:
        return MlflowHistory(self.client, self.client.get_experiment_by_name(EXPERIMENT))

    @property
    def record(self) -> RunRecord:
        return self.history.record(self.run_id)

    def sql(self, command: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            found = connection.execute(command, values)
            assert found.rowcount > 0, "nothing was tampered with"

    def verify(self, *folders: Path) -> Verification:
        return verify(self.history, self.run_id, folders or (self.journals,))

    def altered(self, *folders: Path) -> list[tuple[str, str, str]]:
        """Each change: what, what it was, what it is."""
        return [(one.what, one.was, one.now) for one in self.verify(*folders).altered]


@pytest.fixture(scope="module")
def _sealed_run(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> SealedRun:
    root = tmp_path_factory.mktemp("sealed")
    (root / "mlruns").mkdir()
    shutil.copyfile(empty_store, root / "mlruns" / "mlflow.db")
    (root / "repro.toml").write_text(POLICY)
    (root / ".gitignore").write_text("mlruns/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    while mlflow.active_run():  # an earlier test's: the run would attach to it
        mlflow.end_run()
    uri = f"sqlite:///{root}/mlruns/mlflow.db"
    tracked = repro.tracked_run("sealed", seed=3, params={"lr": 0.1}, quiet=True, tracking_uri=uri)
    with contextlib.chdir(root), tracked as run:
        run.log_data(test=np.arange(6.0).reshape(3, 2))
        for step in range(20):
            run.log_metrics({"loss": 1 / (step + 1), "spread": float(step)}, step=step)
        run.score("test/error", _error, np.ones(3), np.zeros(3), on="test", greater_is_better=False)
        mlflow.log_param("theirs", "adam")
        mlflow.log_metric("their_loss", 0.5, step=2)
    return SealedRun(root, run.run_id)


@pytest.fixture
def sealed(
    _sealed_run: SealedRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SealedRun]:
    """The run as it was sealed; what a test changes is undone."""
    mlruns, kept = _sealed_run.root / "mlruns", tmp_path / "kept"
    shutil.copytree(mlruns, kept)
    monkeypatch.chdir(_sealed_run.root)
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as if never set
    yield _sealed_run
    for name in ("artifacts", "journal"):
        shutil.rmtree(mlruns / name, ignore_errors=True)
        shutil.copytree(kept / name, mlruns / name)
    # Into the same file: MLflow keeps it open.
    with (
        contextlib.closing(sqlite3.connect(kept / "mlflow.db")) as before,
        contextlib.closing(sqlite3.connect(_sealed_run.database)) as now,
    ):
        before.backup(now)


def _error(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.abs(y_true - y_pred).mean())
