"""Runs that were interrupted in every way, and gone on with from a checkpoint."""

import signal
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from repro.audit.record_diff import diff_records
from repro.facts.budget import Budget
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.segments import Segments
from repro.report.notebook import notebook_page

SCRIPT = """
import sys, time
from pathlib import Path
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
import repro

NAME, STOP_AT, PAUSE, RESUME = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
STEPS = 12
KEPT = Path(f"{NAME}.pt")
x, y = (torch.tensor(part) for part in load_digits(return_X_y=True))
x = x.float() / 16
train, test = slice(0, 1200), slice(1200, None)

def training(run):
    model = torch.nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    first = 0
    if RESUME and KEPT.exists():
        state = torch.load(KEPT)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    loss_fn = torch.nn.CrossEntropyLoss()
    run.log_data(train=(x[train], y[train]), test=(x[test], y[test]))
    run.watch(model, optimizer, loss=loss_fn)
    for step in range(first, STEPS):
        rows = slice(step * 100, step * 100 + 100)
        loss = loss_fn(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log_metrics({"loss": loss}, step=step)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
        torch.save(state, KEPT)
        print("step", step, flush=True)
        time.sleep(PAUSE)
        if step == STOP_AT:
            raise KeyboardInterrupt
    model.eval()
    run.score("test/accuracy", accuracy_score, y[test], model(x[test]).argmax(1), on="test")

arguments = {"resume": RESUME[0]} if RESUME else {"name": NAME, "seed": 0}
with repro.tracked_run(params={"lr": 0.5, "momentum": 0.9}, **arguments) as run:
    training(run)
"""


@pytest.fixture
def script(project):
    (project.root / "train.py").write_text(SCRIPT)
    with (project.root / ".gitignore").open("a") as file:
        file.write("*.pt\n")
    project.commit()
    return project


def start(name, *, stop_at=-1, pause=0.0, resume=()):
    words = [sys.executable, "train.py", name, str(stop_at), str(pause), *resume]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train(name, **arguments):
    process = start(name, **arguments)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def killed(name, number, after="step 4", **arguments):
    """A process that gets the signal once it has said so."""
    process = start(name, pause=0.6, **arguments)
    for line in process.stdout:
        if line.startswith(after):
            break
    time.sleep(1.0)  # the journal is flushed twice a second
    process.send_signal(number)
    process.communicate(timeout=60)


def found(project, name):
    run_id = project.history.resolve(name)
    return project.record(run_id)


def steps(project, record):
    points = MlflowClient(project.uri).get_metric_history(record.run_id, "loss")
    return sorted(point.step for point in points)


@pytest.mark.long
def test_an_interrupted_run_that_went_on_is_compared_as_one_that_was_never_interrupted(script):
    assert train("whole")[0] == 0
    assert train("parts", stop_at=4)[0] != 0
    assert found(script, "parts").find(Outcome).status == "KILLED"
    code, errors = train("parts", resume=["parts"])
    assert code == 0, errors
    whole, parts = found(script, "whole"), found(script, "parts")
    assert steps(script, parts) == list(range(12))
    diff = diff_records(whole, parts)
    assert [(row.path, row.left, row.right) for row in diff.compared] == []
    assert diff.unknown == diff_records(whole, whole).unknown
    assert parts.find(Budget).but(wall_seconds=0) == whole.find(Budget).but(wall_seconds=0)
    results = {result.metric: result.difference for result in diff.results}
    assert results["test/accuracy"] == 0
    assert parts.find(Integrity).altered == ()
    assert "5 steps, KILLED" in notebook_page(parts).plain


@pytest.mark.long
def test_a_killed_run_is_recovered_and_goes_on_twice_and_loses_no_step(script):
    killed("orphan", signal.SIGKILL)
    killed("orphan", signal.SIGKILL, after="step 8", resume=["orphan"])
    code, errors = train("orphan", resume=["orphan"])
    assert code == 0, errors
    record = found(script, "orphan")
    segments = record.find(Segments)
    assert [one.status for one in segments.earlier] == ["KILLED", "KILLED"]
    assert all("the process is gone" in one.reason for one in segments.earlier)
    assert segments.is_code_changed is False
    assert steps(script, record) == list(range(12))
    assert record.find(Outcome).status == "FINISHED"
    assert record.find(Integrity).altered == ()
    assert record.find(Budget).n_steps is None  # nobody counted those of a killed process
