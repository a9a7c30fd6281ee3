"""What watching costs a training step, as a ratio to the same step without it: `make bench`."""

import statistics
import time

import pytest
import torch
from torch import nn

from repro.observe.training import Training

pytestmark = pytest.mark.bench
STEPS = 1_500
IMAGES, DIGITS = torch.rand(64, 1, 28, 28), torch.arange(64) % 10


def cnn():
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(3872, 10)),
    )


def stepping(*, is_watched):
    """A function that makes one step and gives its seconds."""
    model, loss_fn = cnn(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    if is_watched:
        # The hooks on optimizers are global: the steps of the other model are not for this run.
        training = Training(lambda: running[0] == "watched")
        training.watch(model, optimizer, None, loss_fn)

    def step():
        running[0] = "watched" if is_watched else "plain"
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss_fn(model(IMAGES), DIGITS).backward()
        optimizer.step()
        return time.perf_counter() - begin

    return step


running = ["plain"]


def test_watching_costs_little_of_a_step():
    torch.set_num_threads(1)
    plain, watched = stepping(is_watched=False), stepping(is_watched=True)
    pairs = [(plain(), watched()) for _ in range(STEPS)][20:]  # the first are looked at closely
    ratio = statistics.median(there / here for here, there in pairs)
    here, there = (1e6 * statistics.median(column) for column in zip(*pairs, strict=True))
    cost = f"{100 * (ratio - 1):+.1f} %"
    print(f"\nstep of a small CNN: {here:,.0f} us, watched {there:,.0f} us ({cost})")
    assert ratio > 0
