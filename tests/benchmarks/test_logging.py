"""What logging costs the training loop, beside its peers in the same run: `make bench`."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

import repro

STEPS = 2_000
MLFLOW_STEPS = 100  # it takes milliseconds a step
VALUES = {"train/loss": 0.5, "train/accuracy": 0.9, "lr": 0.1}


def microseconds(log: Callable[[int], object], steps: int) -> float:
    """Mean time of one step."""
    start = time.perf_counter()
    for step in range(steps):
        log(step)
    return 1e6 * (time.perf_counter() - start) / steps


def jsonl(path: Path) -> float:
    """Appending a line: the floor."""
    with path.open("a") as file:
        return microseconds(
            lambda step: file.write(json.dumps({**VALUES, "step": step}) + "\n"), STEPS
        )


@pytest.mark.bench
def test_a_step_of_log_metrics_costs_little_more_than_appending_a_line(project, capsys):
    floor = jsonl(project.root / "floor.jsonl")
    with repro.tracked_run(seed=0, quiet=True) as run:
        ours = microseconds(lambda step: run.log_metrics(VALUES, step=step), STEPS)
        start = time.perf_counter()
    finish = time.perf_counter() - start
    mlflow.set_tracking_uri(project.uri)
    with mlflow.start_run():
        theirs = microseconds(lambda step: mlflow.log_metrics(VALUES, step=step), MLFLOW_STEPS)
    with capsys.disabled():
        print(
            f"\nthree scalars a step: JSONL {floor:.1f} us, repro {ours:.1f} us "
            f"({ours / floor:.1f} x the floor), MLflow synchronous {theirs:.0f} us "
            f"({theirs / ours:.0f} x ours); end of a run with {STEPS} steps {finish:.2f} s"
        )
    assert ours < theirs
