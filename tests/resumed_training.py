"""A training that is counted, and can be begun and refused in one line."""

import pytest
import torch
from mlflow import MlflowClient

import repro
from repro.errors import UsageError


def train(run, steps, first=0, model=None):
    """A loop whose optimizer steps are counted."""
    model = model or torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run.watch(model, optimizer)
    for step in range(first, first + steps):
        optimizer.zero_grad()
        loss = model(torch.ones(4, 2)).sum()
        loss.backward()
        optimizer.step()
        run.log_metrics({"loss": float(step)}, step=step)


def history(project, run_id, key="loss"):
    points = MlflowClient(project.uri).get_metric_history(run_id, key)
    return sorted((point.step, point.value) for point in points)


def first_run(steps=3, **arguments):
    with repro.tracked_run("first", **{"seed": 3, **arguments}) as run:
        train(run, steps)
    return run.run_id


def refused(error=UsageError, **arguments):
    with pytest.raises(error) as caught:
        repro.tracked_run(**arguments).__enter__()
    return str(caught.value)
