"""The script of a replay is a process of its own, whose end is told."""

import signal
import sys
import time
from pathlib import Path

import pytest

from repro.rerun import Progress, rerun
from repro.store.journal import Journal

SIGNALLED = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told"))
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(20)
"""


LEAVING = """
import os, subprocess, sys, time
left = subprocess.Popen(["sleep", "30"])
open("left", "w").write(str(left.pid))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.rerun.LOOK_SECONDS", 0.02)

    def executed(script):
        progress = Progress(tmp_path / "journal", "replaying net", None)
        command = [sys.executable, "-S", "-c", script]
        output = tmp_path / "output.txt"
        return rerun(command, {"A": "1"}, folder=tmp_path, output=output, progress=progress)

    return executed


def test_the_end_and_the_last_lines_are_told(run, tmp_path):
    ended = run("import os; print(os.getcwd()); print(os.environ['A']); raise SystemExit(3)")
    assert (ended.exit_code, ended.last_lines) == (3, (str(tmp_path), "1"))
    assert ended.reason == "the script exited with 3: 1"


def test_a_script_that_is_killed_says_by_what(run):
    ended = run("import os; os.kill(os.getpid(), 9)")
    assert ended.reason == "the script was killed by SIGKILL"


def test_a_signal_goes_to_the_script_and_ends_us_after_it(run, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        run(SIGNALLED)
    assert (tmp_path / "output.txt").read_text() == "told\n"
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("end", ["", "os.kill(os.getppid(), 15); time.sleep(20)"])
def test_no_process_that_the_script_left_outlives_it(run, tmp_path, end):
    try:
        run(LEAVING + end)
    except SystemExit:
        assert end
    time.sleep(0.05)  # a killed process is waited for by another one
    state = Path(f"/proc/{(tmp_path / 'left').read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_progress_is_read_from_the_journals_that_are_new(tmp_path):
    def log(name, step):
        journal = Journal(tmp_path / name)
        journal.append("run", {})
        journal.log({"loss": 0.5}, step=step, time_ms=0)
        journal.close()

    log("old", 900)
    progress = Progress(tmp_path, "replaying net", 500)
    assert progress.line() == "repro  replaying net: 0 s"
    log("new", 120)
    assert progress.line() == "repro  replaying net: step 120 of 500, 0 s"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])  # nohup; `&` in a script
def test_a_signal_that_is_ignored_here_ends_nothing_and_another_does(run, number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(f"import os; os.kill(os.getppid(), {number:d})").exit_code == 0
        with pytest.raises(SystemExit):
            run(SIGNALLED)
    finally:
        signal.signal(number, before)
