"""Stores and disks that cannot be written: the run goes elsewhere, and the training goes on."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

import repro
from repro.recovery import recover_some
from repro.store.journaled import Position, batches, events
from repro.store.location import locate

STEPS = 100
# Root may write everywhere, unless this is taken from it.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
READ_ONLY = """
import json, repro
with repro.tracked_run("other", seed=0) as run:
    run.log_metrics({"loss": 0.5}, step=0)
print(json.dumps([run.run_id, run.opened.tracking_uri, str(run.shipper._journal.folder), run.notes]))
"""
# argv: how many bytes a file may have after the start of the run, and the number of steps.
FULL = """
import json, resource, signal, sys, time
import repro
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
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def below_a_file(folder: Path) -> str:
    (folder / "file").write_text("no folder")
    return f"sqlite:///{folder}/file/mlflow.db"


def below_proc(folder: Path) -> str:
    return "sqlite:////proc/mlflow.db"


def read_only(folder: Path) -> str:
    return f"sqlite:///file:{folder}/mlruns/mlflow.db?mode=ro&uri=true"


@pytest.mark.slow
@pytest.mark.parametrize("address", [below_a_file, below_proc, read_only])
def test_a_run_goes_to_the_store_of_its_project_where_the_other_cannot_be_written(
    project, tmp_path, address
):
    wanted = address(tmp_path)
    with repro.tracked_run("other", seed=0, tracking_uri=wanted, quiet=True) as run:
        run.log_metrics({"loss": 0.5}, step=0)
    assert run.opened.tracking_uri == project.uri
    print(run.notes)
    (told,) = run.notes
    assert told.startswith(f"another store was used instead of {wanted}: ")
    assert project.history.record(run.run_id).name == "other"
    print(sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if ".git" not in str(p)))


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
    print(notes)
    assert notes[0].startswith(f"another store was used instead of {project.uri}: ")
    assert f"repro  warning: {notes[0]}" in told
    found = mlflow.MlflowClient(uri).get_run(run_id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"loss": 0.5})


@pytest.mark.slow
def test_a_store_that_turns_read_only_keeps_no_training_from_ending_and_gets_the_rest_later(
    project,
):
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
    print(run.notes)
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
@pytest.mark.parametrize("n_bytes", [0, 2_000, 40_000])
def test_on_a_full_disk_the_training_ends_well_and_is_told_what_is_missing(project, n_bytes):
    n_steps = 5_000
    (run_id, journal, notes), told = run_program(FULL, str(n_bytes), str(n_steps))
    print(notes)
    for note in notes:
        assert f"repro  warning: {note}" in told
    fitted = [p.value for points, _ in batches(Path(journal), Position()) for p in points]
    print(len(fitted), [entry.kind for entry in events(Path(journal))])
    assert fitted == [float(step) for step in range(len(fitted))]
