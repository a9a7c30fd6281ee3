"""kill -9 at any moment: the last half second is missing, and `repro recover` does the rest."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow import MlflowClient

from repro.facts.determinism import Determinism
from repro.facts.outcome import Outcome
from repro.recovery import recover_some
from repro.store.location import locate

AT_ONCE = 4
LONGEST_SECONDS = 1.5  # that a run lives after its first step
LOST_SECONDS = 0.5
# A busy machine may not have let the thread that writes run in time: four processes, two cores.
SLACK_SECONDS = 0.5

# Imports cost seconds and are done once; each run is a forked process that no store was opened in.
# A line on standard input is where a run writes its steps to; its process is told on standard
# output. Steps are told after `log_metrics` has returned.
PROGRAM = """
import os, signal, sys, time
import alembic.command, mlflow.store.tracking.sqlalchemy_store
import repro, repro.tracked, repro.closing
from repro.observe import environment, hardware
environment.at_end(), hardware.at_end()  # read once
assert "torch" not in sys.modules
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    told = os.open(line.strip(), os.O_WRONLY)
    with repro.tracked_run("killed", seed=0, params={"lr": 0.1}, quiet=True) as run:
        os.write(told, f"{run.run_id}\\n".encode())
        step = 0
        while True:
            run.log_metrics({"loss": float(step), "accuracy": step / 2}, step=step)
            os.write(told, f"{step} {time.time()!r}\\n".encode())
            step += 1
            time.sleep(0.004)
"""


@pytest.fixture
def nursery(project):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project.root,
    )
    yield process
    process.stdin.close()
    process.wait(30)


def born(nursery, pipe):
    """Number of a process that trains, and what it tells."""
    os.mkfifo(pipe)
    nursery.stdin.write(f"{pipe}\n")
    nursery.stdin.flush()
    process = int(nursery.stdout.readline())
    return process, pipe.open()


def killed(process, told, seconds):
    """Id of the run, each step with its time, and when the process was killed."""
    run_id, first = told.readline().strip(), told.readline()
    time.sleep(seconds)
    at = time.time()
    os.kill(process, signal.SIGKILL)
    lines = [first, *told]
    steps = [line.split() for line in lines if line.endswith("\n")]
    told.close()
    return run_id, [(int(step), float(when)) for step, when in steps], at


@pytest.mark.slow
@pytest.mark.parametrize("n_kills", [12, pytest.param(50, marks=pytest.mark.long)])
def test_killed_runs_lose_half_a_second_each_and_are_completed(project, nursery, tmp_path, n_kills):
    moments = random.Random(5)
    lives = [moments.uniform(0.0, LONGEST_SECONDS) for _ in range(n_kills)]
    runs = []
    for start in range(0, n_kills, AT_ONCE):
        several = range(start, min(n_kills, start + AT_ONCE))
        processes = [born(nursery, tmp_path / str(number)) for number in several]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs += pool.map(
                lambda item: killed(*item[0], item[1]),
                zip(processes, [lives[number] for number in several], strict=True),
            )
    found = list(recover_some(None, locate()))
    assert [one.problem for one in found] == [None] * n_kills
    assert {one.journal.state for one in found} == {"orphaned"}

    client = MlflowClient(project.uri)
    lost = []
    for run_id, told, at in runs:
        known = client.get_run(run_id)
        assert (known.info.status, known.data.params) == ("KILLED", {"lr": "0.1"})
        record = project.record(run_id)
        assert record.find(Outcome).is_recovered
        assert record.find(Determinism).seed == 0
        for name in ("loss", "accuracy"):
            history = client.get_metric_history(run_id, name)
            steps = sorted(metric.step for metric in history)
            assert steps == list(range(len(steps))), "a hole, or a step twice"
            lost.append(at - next((when for step, when in told if step == len(steps)), at))
    print(f"lost at most {max(lost):.3f} s, in the mean {sum(lost) / len(lost):.3f} s")
    assert max(lost) <= LOST_SECONDS + SLACK_SECONDS
    assert list(recover_some(None, locate())) == []
