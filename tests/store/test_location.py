import os
from pathlib import Path

import mlflow
import pytest

from repro.store import location
from repro.store.location import Location, is_absolute, locate, scratch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory; MLflow knows no store but its default."""
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(None)
    yield tmp_path
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def resolved(flag=None):
    """The store that a run goes to."""
    return locate(flag).tracking_uri or mlflow.get_tracking_uri()


def test_each_source_of_the_store_is_overruled_by_the_one_before_it(folder, monkeypatch):
    assert resolved() == f"sqlite:///{folder}/mlflow.db"
    (folder / "repro.toml").write_text('tracking_uri = "sqlite:///runs/mlflow.db"\n')
    assert resolved() == f"sqlite:///{folder}/runs/mlflow.db"
    mlflow.set_tracking_uri("sqlite:////elsewhere/set.db")
    assert resolved() == "sqlite:////elsewhere/set.db"
    mlflow.set_tracking_uri(None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/variable.db")
    assert resolved() == "sqlite:////elsewhere/variable.db"
    assert resolved("sqlite:////elsewhere/flag.db") == "sqlite:////elsewhere/flag.db"


def test_the_variable_and_the_call_are_told_apart_by_mlflow_itself(folder, monkeypatch):
    (folder / "repro.toml").write_text('tracking_uri = "sqlite:///runs/mlflow.db"\n')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/variable.db")
    mlflow.set_tracking_uri("sqlite:////elsewhere/set.db")
    assert locate().tracking_uri is None
    assert resolved() == mlflow.get_tracking_uri()


def test_a_store_of_the_file_is_relative_to_the_folder_of_the_file(folder, monkeypatch):
    (folder / "repro.toml").write_text('tracking_uri = "sqlite:///runs/mlflow.db"\n')
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    found = locate()
    assert (found.tracking_uri, found.root) == (f"sqlite:///{folder}/runs/mlflow.db", folder)


def test_without_a_file_the_project_is_the_working_directory(folder):
    found = locate()
    assert (found.root, found.policy, found.tracking_uri) == (folder, None, None)
    assert found.embedded_uri == f"sqlite:///{folder}/mlruns/mlflow.db"


def test_resolving_a_store_makes_no_folder(folder):
    found = locate("sqlite:///new/mlflow.db")
    found.journals("sqlite:///new/mlflow.db")
    assert list(folder.iterdir()) == []


def test_journals_lie_beside_the_database_or_beside_the_store_without_a_server(tmp_path):
    found = Location(None, tmp_path, None)
    assert found.journals(f"sqlite:///{tmp_path}/a/x.db") == tmp_path / "a" / "mlruns" / "journal"
    assert found.journals("http://localhost:5000") == tmp_path / "mlruns" / "journal"


@pytest.mark.parametrize("obstacle", ["file", "no permission"])
def test_journals_lie_in_the_scratch_folder_where_the_project_cannot_be_written(
    tmp_path, monkeypatch, obstacle
):
    if obstacle == "file":
        (tmp_path / "mlruns").write_text("no folder")
    else:
        monkeypatch.setattr(location.os, "access", lambda path, mode: False)
    found = Location(None, tmp_path, None)
    assert found.journals("http://localhost:5000") == scratch() / "journal"


@pytest.mark.parametrize(
    ("uri", "is_whole"),
    [
        ("sqlite:////data/mlflow.db", True),
        ("sqlite:///data/mlflow.db", False),
        ("http://localhost:5000", True),
        ("mlruns", False),
    ],
)
def test_a_relative_address_is_told_from_one_that_holds_everywhere(uri, is_whole):
    assert is_absolute(uri) == is_whole


def test_the_scratch_folder_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    assert scratch() == Path(tmp_path) / "repro-somebody"
