"""What watching costs a training step, as a ratio to the same step without it: `make bench`."""

import statistics
import time

import pytest
import torch
from torch import nn

from repro.observe.training import Training

pytestmark = pytest.mark.bench
STEPS = {4: 3_000, 16: 1_500, 64: 600}  # by images in a batch
GOAL = 1.02


def cnn():
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(3872, 10)),
    )


def stepping(n_images, *, is_watched):
    """A function that makes one step and gives its seconds."""
    images, digits = torch.rand(n_images, 1, 28, 28), torch.arange(n_images) % 10
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
        loss_fn(model(images), digits).backward()
        optimizer.step()
        return time.perf_counter() - begin

    return step


running = ["plain"]


@pytest.mark.parametrize("n_images", STEPS)
def test_watching_costs_little_of_a_step(n_images):
    torch.set_num_threads(1)
    plain = stepping(n_images, is_watched=False)
    watched = stepping(n_images, is_watched=True)
    pairs = [(plain(), watched()) for _ in range(STEPS[n_images])][20:]  # the first: looked at
    ratio = statistics.median(there / here for here, there in pairs)
    here, there = (1e6 * statistics.median(column) for column in zip(*pairs, strict=True))
    cost = f"{100 * (ratio - 1):+.1f} %"
    print(f"\n{n_images} images: a step of {here:,.0f} us, watched {there:,.0f} us ({cost})")
    assert ratio < GOAL or n_images < 16  # below, a step is hardly more than torch's own calls
