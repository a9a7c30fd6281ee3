"""The seal itself, and runs of every sort that nobody touched."""

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

import repro
from repro.cli.main import main
from repro.digest import digest_bytes
from repro.facts.contents import Contents
from repro.facts.integrity import Integrity
from repro.facts.segments import EXAMPLE as SEGMENTS
from repro.record import dump, load, seal
from repro.store.journal import Journal
from repro.store.journals import journal_folders, read_journal
from repro.store.left_run import find_run
from repro.store.load import MlflowHistory
from repro.store.location import locate
from repro.store.transfer import fill, twin
from repro.verification import LATER, verify

pytestmark = pytest.mark.slow

TAG, ARTIFACT = "tag repro.record", "artifact repro/record.json"


@pytest.fixture
def file(sealed):
    """The stored record."""
    return sealed.artifacts / "repro" / "record.json"


def forged(file):
    """The record with a better score."""
    return file.read_text().replace('"value":1.0', '"value":0.5').encode()


def test_a_record_that_was_changed_is_found(sealed, file):
    was = digest_bytes(file.read_bytes())
    file.write_bytes(forged(file))
    assert sealed.altered() == [(ARTIFACT, was, digest_bytes(file.read_bytes()))]


def test_what_else_was_altered_is_found_by_the_record_that_the_journal_kept(sealed, file):
    file.unlink()
    sealed.sql("UPDATE params SET value = '1' WHERE key = 'lr'")
    assert [what for what, _, _ in sealed.altered()] == [ARTIFACT, "param lr"]


def test_a_seal_that_was_changed_or_deleted_is_found(sealed, file):
    was = digest_bytes(file.read_bytes())
    sealed.client.set_tag(sealed.run_id, "repro.record", "blake3:00")
    assert sealed.altered() == [(TAG, was, "blake3:00")]
    sealed.client.delete_tag(sealed.run_id, "repro.record")
    assert sealed.altered() == [(TAG, was, "nothing")]


def test_a_record_that_was_replaced_with_its_seal_is_found_by_the_journal(sealed, file, tmp_path):
    was = digest_bytes(file.read_bytes())
    file.write_bytes(forged(file))
    now = digest_bytes(file.read_bytes())
    sealed.client.set_tag(sealed.run_id, "repro.record", now)
    assert sealed.altered() == [(TAG, was, now), (ARTIFACT, was, now)]
    elsewhere = sealed.verify(tmp_path)
    assert elsewhere.exit_code == 0
    assert elsewhere.checked.startswith(
        "record; no journal here: if record and seal were replaced together, it would not show; "
    )


def test_a_record_that_was_changed_is_not_believed_where_no_journal_has_another(
    sealed, file, tmp_path
):
    file.write_bytes(forged(file))
    found = sealed.verify(tmp_path)
    assert [one.what for one in found.altered] == [ARTIFACT]
    assert found.undecided == ("the record cannot be believed, so nothing else was compared",)


def test_without_seal_and_journal_nothing_can_be_told(sealed, file, tmp_path):
    sealed.client.delete_tag(sealed.run_id, "repro.record")
    found = sealed.verify(tmp_path)
    assert (found.exit_code, found.undecided) == (
        3,
        ("its seal, the tag repro.record, is not there, and no journal here knows it",),
    )
    shutil.rmtree(file.parent)
    found = sealed.verify(tmp_path)
    assert (found.exit_code, found.is_sealed) == (3, False)
    assert found.undecided == ("it has no record: it was not tracked by repro, or has not ended",)


def test_a_record_that_mlflow_never_got_is_to_be_recovered(sealed, file):
    sealed.client.delete_tag(sealed.run_id, "repro.record")
    journal = Journal(sealed.journals / sealed.run_id)
    journal.append("ended", {"status": "FINISHED", "is_stored": False, "is_closed": False})
    journal.close()
    assert sealed.verify().undecided == (
        f"its record is on this machine only: `repro recover {sealed.run_id[:8]}`",
    )


def test_a_later_segment_that_the_journal_does_not_know_cannot_be_told_from_a_forgery(sealed, file):
    record = load(file.read_text())
    earlier = SEGMENTS.earlier[0].model_copy(update={"record": seal(record)})
    resumed = type(record)(
        record.run_id,
        record.name,
        {**record.facts, "segments": SEGMENTS.but(earlier=(earlier,))},
    )
    file.write_text(dump(resumed))
    sealed.client.set_tag(sealed.run_id, "repro.record", seal(resumed))
    found = sealed.verify()
    assert (found.altered, found.undecided, found.exit_code) == ((), (LATER,), 3)


def test_an_older_record_is_as_sealed_and_nothing_beside_it_was(sealed, file, tmp_path):
    data = json.loads(file.read_text())
    del data["facts"]["contents"]
    content = json.dumps(data).encode()
    file.write_bytes(content)
    sealed.client.set_tag(sealed.run_id, "repro.record", digest_bytes(content))
    sealed.client.log_param(sealed.run_id, "late", 1)
    found = sealed.verify(tmp_path)
    assert (found.exit_code, found.unsealed) == (
        0,
        ("an older version of repro sealed the record, and nothing beside it",),
    )


# --- runs of every sort, untouched ------------------------------------------------------------


def assert_as_sealed(project, run_id, *, unsealed=()):
    found = verify(project.history, run_id, journal_folders(locate()))
    assert (found.altered, found.undecided, found.unsealed) == ((), (), unsealed)
    assert found.checked.startswith("record, by tag and journal; ")
    read = project.record(run_id).find(Integrity)
    assert (read.altered, read.undecided) == ((), ())


def test_a_run_with_every_odd_value_is_as_sealed(project, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-s3cr3t-s3cr3t")
    params = {
        "größe": "naïve ☃",
        "long": "x" * 7_000,
        "password": "hunter2hunter2",
        "text": "a s3cr3t-s3cr3t-s3cr3t b",
        "inf": math.inf,
        "nan": math.nan,
        "none": None,
        "true": True,
        "empty": "",
        "tiny": 5e-324,
        "list": [1, 2, {"a": 0.1}],
    }
    odd = (math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1)
    with repro.tracked_run("odd", params=params, tags={"repro.mine": "x"}, quiet=True) as run:
        for step, value in enumerate(odd):
            run.log_metrics({"odd": value, "same": 1.0}, step=step)
            run.log_metrics({"same": 1.0}, step=step)
            run.log_metrics({"same": 2.0}, step=-step)
        mlflow.log_param("api_key", "hunter2hunter2")
        mlflow.log_param("theirs", "y" * 7_000)
        mlflow.log_metric("theirs", math.nan)
        mlflow.log_metric("theirs", math.inf, step=1)
        mlflow.log_metrics({"async": 1.0}, step=3, synchronous=False)
        mlflow.log_metric("same", 1.0, step=100)
    found = verify(project.history, run.run_id, journal_folders(locate()))
    assert (found.altered, found.undecided) == ((), ())
    assert found.unsealed == (
        "param api_key, param password, param text: it was masked in the record",
    )
    names = {series.name for series in project.record(run.run_id).find(Contents).series}
    assert {"odd", "same", "theirs", "async"} == names


def test_a_run_that_was_never_read_back_whole_is_as_sealed(project, monkeypatch):
    monkeypatch.setattr("repro.store.contents.READ_POINTS", 0)
    with repro.tracked_run(quiet=True) as run:
        for step in range(30):
            run.log_metrics({"loss": 1 / (step + 1)}, step=step)
        mlflow.log_metric("theirs", 1.0)
    line = "metric theirs: another logger's, and too many values to be sealed: "
    assert_as_sealed(project, run.run_id, unsealed=(f"{line}the last one alone was compared",))


def test_a_run_with_more_series_than_are_read_back_is_as_sealed(project):
    with repro.tracked_run(quiet=True) as run:
        for step in range(3):
            run.log_metrics({f"wide/{i}": i / 7 for i in range(1_100)}, step=step)
    assert_as_sealed(project, run.run_id)
    series = project.record(run.run_id).find(Contents).series
    assert 0 < sum(one.is_read_back for one in series) < len(series) == 1_100


def test_nested_runs_are_as_sealed(project):
    with repro.tracked_run("outer", quiet=True) as outer:
        outer.log_metrics({"loss": 1.0})
        with repro.tracked_run("inner", params={"lr": 1}, quiet=True) as inner:
            inner.log_metrics({"loss": 2.0})
            mlflow.log_metric("loss", 2.5, step=1)
        outer.log_metrics({"loss": 3.0}, step=1)
    for run in (outer, inner):
        assert_as_sealed(project, run.run_id)


def test_an_attached_run_is_as_sealed_whatever_its_owner_logs_later(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.uri)
    folder = (project.root / "mlruns" / "artifacts").as_uri()
    experiment = MlflowClient(project.uri).create_experiment("tests", artifact_location=folder)
    with mlflow.start_run(experiment_id=experiment) as theirs:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        mlflow.log_metric("loss", 5.0)
        with repro.tracked_run(params={"lr": 0.2}, quiet=True) as run:
            run.log_metrics({"loss": 4.0}, step=1)
            mlflow.log_metric("theirs", 1.0)
        mlflow.log_metric("loss", 3.0, step=2)
        mlflow.log_metric("final", 1.0)
        mlflow.log_param("late", 1)
    assert theirs.info.run_id == run.run_id
    found = verify(project.history, run.run_id, journal_folders(locate()))
    assert (found.altered, found.undecided) == ((), ())
    MlflowClient(project.uri).log_metric(run.run_id, "loss", 9.0, timestamp=1, step=0)
    found = verify(project.history, run.run_id, journal_folders(locate()))
    assert [one.what for one in found.altered] == ["metric loss"]


def test_a_run_with_autolog_is_as_sealed(project):
    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        with repro.tracked_run(quiet=True) as run:
            X = np.arange(20.0).reshape(10, 2)
            model = LogisticRegression().fit(X, X[:, 0] > 9)
            model.score(X, X[:, 0] > 9)
    finally:
        mlflow.sklearn.autolog(disable=True)
    assert_as_sealed(project, run.run_id)
    assert project.record(run.run_id).find(Contents).series


def test_a_run_that_failed_is_as_sealed(project):
    @repro.tracked_run(quiet=True)
    def train():
        mlflow.log_metric("loss", 1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert_as_sealed(project, *project.history.find_runs())


# --- runs that were sealed again --------------------------------------------------------------

TRAIN = """
import os, sys
import mlflow, repro
params = {"lr": 0.1, "password": "hunter2hunter2"}
with repro.tracked_run("killed", params=params, quiet=True) as run:
    print(run.run_id, flush=True)
    for step in range(50):
        run.log_metrics({"loss": 1 / (step + 1)}, step=step)
    mlflow.log_metric("theirs", 1.0)
    mlflow.log_param("depth", 3)
    run.shipper._journal.flush()
    os._exit(9)
"""


def test_a_run_that_was_killed_and_recovered_is_as_sealed(project):
    (project.root / "train.py").write_text(TRAIN)
    command = [sys.executable, "train.py"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    run_id = ended.stdout.strip()
    found = verify(project.history, run_id, journal_folders(locate()))
    assert (found.is_sealed, found.exit_code) == (False, 3)
    assert CliRunner().invoke(main, ["recover"]).exit_code == 0
    secret = "param password: it was masked in the record"
    assert_as_sealed(project, run_id, unsealed=(secret,))
    MlflowClient(project.uri).log_metric(run_id, "loss", 0.0, step=50)
    found = verify(project.history, run_id, journal_folders(locate()))
    assert [one.what for one in found.altered] == ["metric loss"]


def test_a_run_that_was_resumed_is_sealed_again(project):
    with repro.tracked_run("first", params={"lr": 0.1}, quiet=True) as run:
        run.log_data(test=np.arange(6.0).reshape(3, 2))
        for step in range(5):
            run.log_metrics({"loss": 1 / (step + 1), "spread": 1.0}, step=step)
        mlflow.log_metric("theirs", 1.0)
    with repro.tracked_run(resume=run.run_id, params={"depth": 3}, quiet=True) as again:
        for step in range(5, 9):
            again.log_metrics({"loss": 1 / (step + 1)}, step=step)
    assert again.run_id == run.run_id
    assert_as_sealed(project, run.run_id)
    MlflowClient(project.uri).set_tag(run.run_id, "repro.data", "00000000")
    found = verify(project.history, run.run_id, journal_folders(locate()))
    assert [one.what for one in found.altered] == ["tag repro.data"]


def test_what_was_altered_before_a_run_was_resumed_is_not_sealed_by_it(project):
    with repro.tracked_run("first", params={"lr": 0.1}, quiet=True) as run:
        for step in range(5):
            run.log_metrics({"loss": 1 / (step + 1)}, step=step)
    with closing(sqlite3.connect(project.root / "mlruns" / "mlflow.db")) as store, store:
        store.execute("UPDATE metrics SET value = 0 WHERE key = 'loss' AND step = 2")
    with repro.tracked_run(resume=run.run_id, quiet=True) as again:
        again.log_metrics({"loss": 0.1}, step=5)
    found = verify(project.history, run.run_id, journal_folders(locate()))
    assert [one.what for one in found.altered] == ["metric loss"]


def test_the_copy_of_a_run_that_had_no_server_is_as_sealed(project, tmp_path, empty_store):
    with repro.tracked_run("first", params={"lr": 0.1}, quiet=True) as run:
        run.log_data(test=np.arange(6.0).reshape(3, 2))
        for step in range(5):
            run.log_metrics({"loss": 1 / (step + 1)}, step=step)
    (tmp_path / "other").mkdir()
    shutil.copyfile(empty_store, tmp_path / "other" / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/other/mlflow.db"
    source = find_run(read_journal(project.root / "mlruns" / "journal" / run.run_id), locate())
    copy = twin(source, uri)
    fill(source, copy)
    history = MlflowHistory(MlflowClient(uri), MlflowClient(uri).get_experiment(copy.experiment_id))
    found = verify(history, copy.run_id, journal_folders(locate()))
    assert (found.altered, found.undecided, found.unsealed) == ((), (), ())
    assert found.checked.startswith("record, by tag and journal; ")
    assert_as_sealed(project, run.run_id)
