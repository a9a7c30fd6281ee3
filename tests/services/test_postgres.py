"""Runs in PostgreSQL, through an MLflow server and without one."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest

import repro
from repro.store.journals import find_journals
from repro.store.mlflow import RECORD

pytestmark = pytest.mark.services

STEPS = 200
LATENCY_SECONDS = 0.5  # of one call in the loop
# Logs from three threads, tells its id, and ends, or waits to be killed.
PROGRAM = """
import sys, threading, time
import numpy as np
import repro

def log(name):
    for step in range(500):
        run.log_metrics({name: 1.0 / (step + 1)}, step=step)

with repro.tracked_run(sys.argv[1], seed=0, params={"lr": 0.1}, quiet=True) as run:
    run.log_data(train=np.arange(12.0).reshape(6, 2))
    threads = [threading.Thread(target=log, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1)
    print(run.run_id, flush=True)
    if sys.argv[2:] == ["wait"]:
        time.sleep(600)
assert not run.notes, run.notes
"""


@pytest.fixture(params=["server", "database"])
def store(request: pytest.FixtureRequest) -> str:
    """MLflow's server on PostgreSQL, then PostgreSQL itself; the name of the database."""
    made = request.getfixturevalue(request.param)
    return made if request.param == "database" else "server"


def program(*words: str) -> "subprocess.Popen[str]":
    command = (sys.executable, "-c", PROGRAM, *words)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def command(*words: str) -> tuple[int, str]:
    """Exit code and output of a command of ours."""
    done = subprocess.run(
        (sys.executable, "-m", "repro", *words), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def log_steps(run: repro.Run, first: int = 0) -> float:
    """Log values, and tell the longest time that a call took."""
    times = [time.perf_counter()]
    for step in range(first, first + STEPS):
        run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
        times.append(time.perf_counter())
    return float(np.diff(times).max())


def steps_held(run_id: str, name: str = "loss") -> list[int]:
    history = mlflow.MlflowClient().get_metric_history(run_id, name)
    assert all(point.value == 1.0 / (point.step + 1) for point in history)
    return sorted(point.step for point in history)


def status(run_id: str) -> str:
    return mlflow.MlflowClient().get_run(run_id).info.status


def journal(folder: Path, run_id: str):
    (found,) = find_journals(folder / "mlruns" / "journal" / run_id)
    return found


def test_a_run_is_stored_in_full_and_verified(store, project, postgres, capsys):
    with repro.tracked_run("whole", seed=0, params={"lr": 0.1, "text": "ü" * 300}) as run:
        run.log_data(train=np.arange(12.0).reshape(6, 2))
        run.log_metrics({"odd": float("nan")}, step=0)
        run.log_metrics({"odd": float("inf")}, step=1)
        log_steps(run)
    assert run.notes == []
    held = mlflow.MlflowClient().get_run(run.run_id)
    assert held.info.status == "FINISHED"
    assert held.data.params == {"lr": "0.1", "text": "ü" * 300}
    assert steps_held(run.run_id) == list(range(STEPS))
    assert journal(project.root, run.run_id).left == ()
    code, told = command("verify", run.run_id)
    assert code == 0, told
    assert told.startswith(f"whole ({run.run_id[:8]}): as sealed")
    assert postgres.password not in capsys.readouterr().err + told


def test_artifacts_lie_where_the_server_keeps_them(server, artifacts):
    with repro.tracked_run("files", seed=0, quiet=True) as run:
        mlflow.log_text("seen", "notes/seen.txt")
    (folder,) = artifacts.glob(f"**/{run.run_id}/artifacts")
    assert (folder / "notes" / "seen.txt").read_text() == "seen"
    assert (folder / RECORD).is_file()
    code, told = command("show", run.run_id)
    assert code == 0, told


def test_the_password_of_the_database_is_in_no_file_of_the_run(database, project, postgres):
    with repro.tracked_run("secret", seed=0) as run:
        log_steps(run)
    for path in filter(Path.is_file, project.root.rglob("*")):
        assert postgres.password.encode() not in path.read_bytes(), path
    held = mlflow.MlflowClient().get_run(run.run_id)
    assert postgres.password not in str(held.to_dictionary())


def test_four_processes_at_once_each_have_every_value_once(store):
    processes = [program(f"run-{number}") for number in range(4)]
    ends = [process.communicate(timeout=300) for process in processes]
    for process, (out, err) in zip(processes, ends, strict=True):
        assert process.returncode == 0, err
        run_id = out.split()[0]
        assert status(run_id) == "FINISHED", err
        assert [steps_held(run_id, name) for name in "abc"] == [list(range(500))] * 3
        assert command("verify", run_id)[0] == 0


def test_a_killed_run_is_completed_by_recover(store, project):
    process = program("victim", "wait")
    run_id = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert status(run_id) == "RUNNING"
    assert journal(project.root, run_id).state == "orphaned"
    assert command("status")[0] == 1
    code, told = command("recover", run_id)
    assert code == 0, told
    assert "record stored, sealed" in told
    assert "ended as KILLED" in told
    assert status(run_id) == "KILLED"
    assert [steps_held(run_id, name) for name in "abc"] == [list(range(500))] * 3
    assert command("verify", run_id)[0] == 0
    assert command("recover", run_id)[1].rstrip().endswith("nothing was left to do")
    assert command("status")[0] == 0


def test_a_server_that_is_started_again_has_every_value_once(server):
    with repro.tracked_run("again", seed=0, quiet=True) as run:
        log_steps(run)
        time.sleep(1)
        server.kill()
        longest = log_steps(run, STEPS)
        server.start()
        longest = max(longest, log_steps(run, 2 * STEPS))
    assert longest < LATENCY_SECONDS
    assert run.notes == []
    assert steps_held(run.run_id) == list(range(3 * STEPS))
    assert command("verify", run.run_id)[0] == 0


def test_a_database_that_is_started_again_has_every_value_once(store, postgres):
    with repro.tracked_run("again", seed=0, quiet=True) as run:
        log_steps(run)
        time.sleep(1)
        postgres.stop()
        longest = log_steps(run, STEPS)
        time.sleep(2)
        postgres.start()
        longest = max(longest, log_steps(run, 2 * STEPS))
    assert longest < LATENCY_SECONDS
    assert run.notes == []
    assert steps_held(run.run_id) == list(range(3 * STEPS))
    assert command("verify", run.run_id)[0] == 0


def test_without_its_database_a_run_is_kept_here_and_copied_later(database, project, postgres):
    postgres.stop()
    begin = time.monotonic()
    with repro.tracked_run("alone", seed=0, quiet=True) as run:
        assert time.monotonic() - begin < 3
        log_steps(run)
    assert run.opened.tracking_uri == project.uri
    (told,) = run.notes
    assert told.startswith("another store was used instead of postgresql://127.0.0.1:")
    assert postgres.password not in told
    postgres.start()
    code, told = command("recover", run.run_id)
    assert code == 0, told
    copy = mlflow.MlflowClient(project.uri).get_run(run.run_id).data.tags["repro.copied_to"]
    assert steps_held(copy) == list(range(STEPS))
    assert command("verify", copy)[0] == 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE metrics SET value = 0.25 WHERE key = 'loss' AND step = 1", "metric loss"),
        ("UPDATE latest_metrics SET value = 0.5 WHERE key = 'loss'", "metric loss"),
        ("UPDATE params SET value = '0.2' WHERE key = 'lr'", "param lr"),
        ("DELETE FROM params WHERE key = 'lr'", "param lr"),
        ("UPDATE tags SET value = 'x' WHERE key = 'repro.record'", "repro.record"),
    ],
)
def test_what_was_changed_in_the_database_is_found(server, postgres, statement, told):
    with repro.tracked_run("sealed", seed=0, params={"lr": 0.1}, quiet=True) as run:
        log_steps(run)
    assert command("verify", run.run_id)[0] == 0
    postgres.rows(f"{statement} AND run_uuid = %s", run.run_id, database="server")
    code, found = command("verify", run.run_id)
    assert code == 1
    assert re.search(rf"ALTERED after its end\n +.*{told}", found), found


def test_an_artifact_that_was_changed_on_the_servers_disk_is_found(server, artifacts):
    with repro.tracked_run("sealed", seed=0, quiet=True) as run:
        run.log_data(train=np.arange(12.0).reshape(6, 2))
    (folder,) = artifacts.glob(f"**/{run.run_id}/artifacts/repro")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = next(path for path in files if path.name != Path(RECORD).name)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    code, found = command("verify", run.run_id)
    assert code == 1
    assert f"artifact {file.relative_to(folder.parent)}" in found
