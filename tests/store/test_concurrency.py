"""Several processes on one store, also on one that does not exist yet, and several threads each."""

import json
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

PROCESSES = 4
THREADS = 4
STEPS = 250

# Imports cost seconds and are done once; then each trial forks processes that opened no store yet.
# All begin at the same time, which is told to them.
NURSERY = """
import json, os, sys, threading, time
import alembic.command, mlflow.store.tracking.sqlalchemy_store
import repro, repro.tracked, repro.closing
from repro.observe import environment, hardware
environment.at_end(), hardware.at_end()  # read once

def train(number, uri, begin, n_threads, n_steps):
    def log(thread):
        for step in range(n_steps):
            run.log_metrics({f"loss/{thread}": step + thread / 10}, step=step)
    time.sleep(max(0, begin - time.time()))
    with repro.tracked_run(str(number), seed=0, quiet=True, tracking_uri=uri) as run:
        threads = [threading.Thread(target=log, args=(thread,)) for thread in range(n_threads)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    return [run.opened.tracking_uri, run.opened.instead_of, run.notes]

for line in sys.stdin:
    n_processes, *words = json.loads(line)
    answers = []
    for number in range(n_processes):
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                answer = train(number, *words)
            except BaseException as error:
                answer = repr(error)
            os.write(writer, json.dumps(answer).encode())
            os._exit(0)
        os.close(writer)
        answers.append(reader)
    print(json.dumps([json.loads(os.fdopen(reader).read()) for reader in answers]), flush=True)
"""


@pytest.fixture(scope="module")
def train_at_once(tmp_path_factory):
    """Runs that begin at the same moment, in processes of their own; what became of each."""
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("nursery"),
    )

    def train(uri, n_threads, n_steps):
        task = [PROCESSES, uri, time.time() + 0.1, n_threads, n_steps]
        process.stdin.write(f"{json.dumps(task)}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield train
    process.stdin.close()
    process.wait(30)


@pytest.mark.slow
@pytest.mark.parametrize("n_trials", [2, pytest.param(20, marks=pytest.mark.long)])
def test_four_processes_that_begin_at_once_on_a_new_store_all_finish_in_it(
    train_at_once, tmp_path, n_trials
):
    for trial in range(n_trials):
        uri = f"sqlite:///{tmp_path}/{trial}/mlflow.db"
        assert train_at_once(uri, 1, 2) == [[uri, None, []]] * PROCESSES
        client = MlflowClient(uri)
        (experiment,) = client.search_experiments()
        runs = client.search_runs([experiment.experiment_id])
        found = sorted((run.info.run_name, run.info.status, run.data.metrics) for run in runs)
        assert found == [(str(number), "FINISHED", {"loss/0": 1.0}) for number in range(PROCESSES)]


@pytest.mark.slow
def test_four_processes_with_four_threads_each_lose_nothing(train_at_once, tmp_path, empty_store):
    database = tmp_path / "mlflow.db"
    database.write_bytes(empty_store.read_bytes())
    uri = f"sqlite:///{database}"
    assert train_at_once(uri, THREADS, STEPS) == [[uri, None, []]] * PROCESSES
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("Default").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * PROCESSES
    for run in runs:
        for thread in range(THREADS):
            history = client.get_metric_history(run.info.run_id, f"loss/{thread}")
            points = sorted((metric.step, metric.value) for metric in history)
            assert points == [(step, step + thread / 10) for step in range(STEPS)]
