"""Whole processes that end in every way a process can; their runs say what happened."""

import os
import pty
import signal
import time

import pytest
from browser import _await_health, _free_port, _server
from mlflow import MlflowClient
from training_scripts import HUP, INT, SLOW_END, TERM, TRAIN, Script

from repro.ending import REPEAT_SECONDS
from repro.store.journaled import batches, shipped

pytestmark = pytest.mark.slow


def test_sigterm_runs_every_finally_block_and_atexit_and_exits_with_143(project):
    script = Script(project, TRAIN)
    script.await_line("ready")
    script.send(TERM)
    code, told, warned = script.ended()
    status, outcome = script.run()
    assert (code, told) == (143, "finally ran\natexit ran\n")
    assert (status, outcome.status, outcome.reason) == ("KILLED", "KILLED", "SIGTERM")
    assert "repro  cut KILLED, sealed" in warned


def test_a_second_sigterm_ends_the_process_at_once_and_the_journal_tells_the_first(project):
    script = Script(project, SLOW_END + TRAIN)
    script.await_line("ready")
    script.send(TERM)
    script.await_line("ending")
    time.sleep(REPEAT_SECONDS + 0.1)  # sooner it would be the same signal
    script.send(TERM)
    code, told, _ = script.ended()
    folder, entries = script.journal()
    assert (code, told) == (-TERM, "")
    assert entries["ending"]["reason"] == "SIGTERM"
    assert [p.value for points, _ in batches(folder, shipped(folder)) for p in points] in ([], [1])


def test_a_second_interrupt_says_how_to_go_on(project):
    script = Script(project, SLOW_END + TRAIN)
    script.await_line("ready")
    script.send(INT)
    script.await_line("ending")
    script.send(INT)
    _, told, warned = script.ended()
    folder, entries = script.journal()
    assert told == "finally ran\natexit ran\n"
    assert f"it is in {folder}. Next: repro recover {folder.name[:8]}\n" in warned
    assert entries["ending"]["reason"] == "SIGINT"
    assert MlflowClient(project.uri).get_run(folder.name).info.status == "KILLED"


def test_a_closed_terminal_is_told_as_such(project):
    ours, theirs = pty.openpty()
    script = Script(
        project,
        "import fcntl, termios\nfcntl.ioctl(2, termios.TIOCSCTTY, 0)\n" + TRAIN,
        stdin=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    script.await_line("ready")
    os.close(ours)
    code, told, _ = script.ended()
    status, outcome = script.run()
    assert (code, told) == (129, "finally ran\natexit ran\n")
    assert (status, outcome.reason) == ("KILLED", "SIGHUP")


def test_under_nohup_a_closed_terminal_changes_nothing_and_exit_0_is_an_end(project):
    script = Script(
        project,
        """
with repro.tracked_run("kept", seed=0):
    print("ready", flush=True)
    time.sleep(1)
    sys.exit(0)
""",
        preexec_fn=lambda: signal.signal(HUP, signal.SIG_IGN),
    )
    script.await_line("ready")
    script.send(HUP)
    assert script.ended()[0] == 0
    status, outcome = script.run()
    assert (status, outcome.status, outcome.error) == ("FINISHED", "FINISHED", None)


@pytest.mark.parametrize(
    ("last", "code", "error"),
    [
        ("sys.exit(3)", 3, "SystemExit: 3"),
        ("raise ValueError('no data')", 1, "ValueError: no data"),
    ],
)
def test_the_exit_code_is_the_trainings(project, last, code, error):
    script = Script(project, f"with repro.tracked_run('one', seed=0):\n    {last}\n")
    assert script.ended()[0] == code
    found, outcome = script.run()
    assert (found, outcome.status, outcome.error) == ("FAILED", "FAILED", error)
    assert "script.py" in outcome.traceback


NEVER_LEFT = """
import threading
left = repro.tracked_run("in a notebook", seed=0)
left.__enter__().log_metrics({"loss": 1.0})

def train():
    with repro.tracked_run("in a thread", seed=0) as run:
        run.log_metrics({"loss": 1.0})
        entered.set()
        time.sleep(60)

entered = threading.Event()
threading.Thread(target=train, daemon=True).start()
assert entered.wait(60)
"""


def test_a_block_that_the_interpreters_end_cuts_is_killed(project):
    script = Script(project, NEVER_LEFT)
    code, _, warned = script.ended()
    runs = script.runs()
    assert code == 0, warned
    assert sorted(runs) == ["in a notebook", "in a thread"]
    for status, outcome in runs.values():
        assert (status, outcome.status) == ("KILLED", "KILLED")
        assert outcome.reason == "the interpreter ended inside the block"
    assert "Traceback" not in warned


def test_of_a_process_that_vanishes_the_journal_has_everything(project):
    script = Script(
        project,
        """
with repro.tracked_run("gone", seed=0) as run:
    run.log_metrics({"loss": 1.0})
    time.sleep(1)
    os._exit(9)
""",
    )
    assert script.ended()[0] == 9
    folder, entries = script.journal()
    assert not {"ending", "ended"} & set(entries)
    assert MlflowClient(project.uri).get_run(folder.name).data.metrics == {"loss": 1.0}
    assert MlflowClient(project.uri).get_run(folder.name).info.status == "RUNNING"


def test_with_a_server_that_died_the_journal_has_the_end_and_mlflow_no_wrong_one(
    project, tmp_path, monkeypatch
):
    folder, port = tmp_path / "server", _free_port()
    folder.mkdir()
    uri = f"http://127.0.0.1:{port}"
    server = _server(f"sqlite:///{folder}/mlflow.db", port, folder)
    _await_health(uri, server, folder / "log")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    script = Script(project, TRAIN)
    script.await_line("ready")
    os.killpg(server.pid, signal.SIGKILL)
    server.wait(10)
    sent = time.monotonic()
    script.send(TERM)
    code, _, warned = script.ended()
    assert time.monotonic() - sent < 30
    journal, entries = script.journal()
    assert code == 143, warned
    assert entries["ended"]["status"] == entries["ending"]["status"] == "KILLED"
    assert entries["ending"]["reason"] == "SIGTERM"
    assert (entries["ended"]["is_closed"], entries["ended"]["is_stored"]) == (False, False)
    stored = MlflowClient(f"sqlite:///{folder}/mlflow.db").get_run(journal.name)
    assert stored.info.status == "RUNNING"
