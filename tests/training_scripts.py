"""Trainings in processes of their own, which end in every way a process can."""

import os
import signal
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from repro.facts.outcome import Outcome
from repro.store.journaled import events

PATIENCE = 120  # seconds that a loaded machine may need
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
HEAD = "import atexit, os, signal, sys, time\nimport repro\n"
TRAIN = """
atexit.register(print, "atexit ran")
try:
    with repro.tracked_run("cut", seed=0) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        print("ready", flush=True)
        time.sleep(60)
finally:
    print("finally ran", flush=True)
"""
SLOW_END = """
from repro import recording
build = recording.final
def slow(run, outcome):
    print("ending", flush=True)
    time.sleep(60)
    return build(run, outcome)
recording.final = slow
"""


class Script:
    """A training in a process of its own."""

    def __init__(self, project, text, *, wrapper=(sys.executable, "-u"), **options):
        path = project.root / "script.py"
        path.write_text(HEAD + text)
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        self._project = project
        self.process = subprocess.Popen(
            [*wrapper, str(path)], cwd=project.root, text=True, start_new_session=True, **options
        )

    def await_line(self, text, n_times=1):
        for line in self.process.stdout:
            n_times -= line.count(text)  # ranks write into each other's lines
            if n_times <= 0:
                return
        pytest.fail(f"{text!r} was not printed: {self.process.stderr.read()[-3000:]}")

    def send(self, number):
        self.process.send_signal(number)

    def ended(self):
        """Exit code, and everything that was printed after the awaited lines."""
        try:
            told, warned = self.process.communicate(timeout=PATIENCE)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.returncode, told, warned

    def runs(self):
        """Name, or status in MLflow, and what the record says."""
        client = MlflowClient(self._project.uri)
        found = {}
        for run_id in self._project.history.find_runs():
            run = client.get_run(run_id)
            record = self._project.record(run_id)
            found[run.info.run_name] = (run.info.status, record.find(Outcome))
        return found

    def run(self):
        ((status, outcome),) = self.runs().values()
        return status, outcome

    def journal(self):
        (folder,) = (self._project.root / "mlruns/journal").iterdir()
        return folder, {entry.kind: entry.data for entry in events(folder)}
