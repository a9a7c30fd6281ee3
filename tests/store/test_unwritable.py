"""Stores and disks that cannot be written: the run goes elsewhere, and the training goes on."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

import repro
from repro.recovery import recover_some
from repro.store.journaled import Position, batches
from repro.store.location import locate

STEPS = 100
# Root may write everywhere, unless this is taken from it.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
READ_ONLY = """
import json, repro
with repro.tracked_run("other", seed=0) as run:
    run.log_metrics({"loss": 0.5}, step=0)
journal = str(run.shipper._journal.folder)
print(json.dumps([run.run_id, run.opened.tracking_uri, journal, run.notes]))
"""
# argv: how many bytes a file may have after the start of the run, and the number of steps.
FULL = """
import json, resource, signal, sys, time
import repro, repro.closing
repro.closing.DRAIN_SECONDS = 2.0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does; a file that grows beyond fails then
n_bytes, n_steps = map(int, sys.argv[1:])
with repro.tracked_run("full", seed=0) as run:
    run.log_metrics({"loss": 0.0}, step=0)
    time.sleep(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))
    for step in range(1, n_steps):
        run.log_metrics({"loss": float(step)}, step=step)
    time.sleep(1)
print(json.dumps([run.run_id, str(run.shipper._journal.folder), run.notes]))
"""


def run_program(text: str, *words: str, **environment: str) -> tuple[list, str]:
    """What a program prints last, and what it tells; it has to end well."""
    done = subprocess.run(
        (*AS_OTHERS, sys.executable, "-c", text, *words),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def below_a_file(folder: Path) -> str:
    (folder / "file").write_text("no folder")
    return f"sqlite:///{folder}/file/mlflow.db"


def opened_to_be_read(folder: Path) -> str:
    return f"sqlite:///file:{folder}/mlflow.db?mode=ro&uri=true"


@pytest.mark.slow
@pytest.mark.parametrize("address", [below_a_file, opened_to_be_read])
def test_a_run_goes_to_the_store_of_its_project_where_the_other_cannot_be_written(
    project, tmp_path, empty_store, address
):
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    wanted = address(tmp_path)
    with repro.tracked_run("other", seed=0, tracking_uri=wanted, quiet=True) as run:
        run.log_metrics({"loss": 0.5}, step=0)
    assert run.opened.tracking_uri == project.uri
    (told,) = run.notes
    assert told.startswith(f"another store was used instead of {wanted}: ")
    assert project.history.record(run.run_id).name == "other"


@pytest.mark.slow
def test_in_folders_without_permission_to_write_a_run_goes_to_the_one_for_temporary_files(
    project, tmp_path
):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    closed = [project.root / "mlruns" / "mlflow.db", project.root / "mlruns", project.root]
    for path in closed:
        path.chmod(0o555)
    try:
        (run_id, uri, journal, notes), told = run_program(READ_ONLY, TMPDIR=str(elsewhere))
    finally:
        for path in closed:
            path.chmod(0o755)
    assert Path(uri.removeprefix("sqlite:///")).is_relative_to(elsewhere)
    assert Path(journal).is_relative_to(elsewhere)
    assert notes[0].startswith(f"another store was used instead of {project.uri}: ")
    assert f"repro  warning: {notes[0]}" in told
    found = mlflow.MlflowClient(uri).get_run(run_id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"loss": 0.5})


@pytest.mark.slow
def test_a_store_that_turns_read_only_keeps_no_training_from_ending_and_gets_the_rest_later(
    project, monkeypatch
):
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", 2.0)
    database = project.root / "mlruns" / "mlflow.db"
    tables = ("metrics", "latest_metrics", "tags", "runs")
    with repro.tracked_run("turned", seed=0, quiet=True) as run:
        with closing(sqlite3.connect(database)) as connection:  # refuses as the disk would
            for table in tables:
                for what in ("INSERT", "UPDATE"):
                    connection.execute(
                        f"CREATE TRIGGER no_{what}_{table} BEFORE {what} ON {table} "
                        f"BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
                    )
        for step in range(STEPS):
            run.log_metrics({"loss": float(step)}, step=step)
    (told, *others) = run.notes
    assert told.startswith(f"{STEPS} metric values are in ")
    assert told.endswith(f"`repro recover {run.run_id[:8]}` ships them")
    assert "the record was not stored" in " ".join(others)
    with closing(sqlite3.connect(database)) as connection:
        for table in tables:
            for what in ("INSERT", "UPDATE"):
                connection.execute(f"DROP TRIGGER no_{what}_{table}")
    (done,) = recover_some(run.run_id, locate())
    assert done.problem is None
    held = mlflow.MlflowClient(project.uri).get_metric_history(run.run_id, "loss")
    assert [point.step for point in held] == list(range(STEPS))
    assert mlflow.MlflowClient(project.uri).get_run(run.run_id).info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", [0, pytest.param(2_000, marks=pytest.mark.long), 40_000])
def test_on_a_full_disk_the_training_ends_well_and_is_told_what_is_missing(project, n_bytes):
    n_steps = 5_000
    (run_id, journal, notes), told = run_program(FULL, str(n_bytes), str(n_steps))
    for note in notes:
        assert f"repro  warning: {note}" in told
    read = [p.value for points, _ in batches(Path(journal), Position()) for p in points]
    assert read == [float(step) for step in range(len(read))]  # what fitted, and no hole
    lost = f"{n_steps - len(read)} metric values are lost: neither {journal} took them "
    assert any(note.startswith(lost) for note in notes)
    assert any(note.startswith(f"{journal} is incomplete: ") for note in notes)
    held = mlflow.MlflowClient(project.uri).get_metric_history(run_id, "loss")
    assert [point.step for point in held][:1] == [0]  # sent before
