"""Several processes begin at once on a store that does not exist yet."""

import os
import subprocess
import sys

import pytest
from mlflow import MlflowClient

# Ready when everything is imported; then all begin in the same moment.
PROGRAM = """
import sys
import repro
from repro.tracked import tracked_run
import repro.store.mlflow
print("ready", flush=True)
sys.stdin.readline()
with tracked_run("race", seed=0, quiet=True) as run:
    run.log_metrics({"loss": 0.5})
print(run.opened.tracking_uri, run.opened.instead_of, run.notes)
"""


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(3))
def test_two_processes_that_begin_at_once_on_a_new_store_both_finish_in_it(tmp_path, trial):
    uri = f"sqlite:///{tmp_path}/store/mlflow.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=120) for process in processes]
    for process, (out, err) in zip(processes, ends, strict=True):
        assert process.returncode == 0, err
        assert out == f"{uri} None []\n"
    client = MlflowClient(uri)
    (experiment,) = client.search_experiments()
    runs = client.search_runs([experiment.experiment_id])
    assert [(run.info.status, run.data.metrics) for run in runs] == [
        ("FINISHED", {"loss": 0.5}),
        ("FINISHED", {"loss": 0.5}),
    ]
