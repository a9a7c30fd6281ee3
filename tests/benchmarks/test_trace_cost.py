"""What tracing costs of a training step, and at the end of a run: `make bench`."""

import time

import pytest
import torch
from torch import nn

from repro.observe.training import Training
from repro.trace.pace import FIRST, Tracing
from repro.trace.recorder import recorder_for

pytestmark = pytest.mark.bench
GOALS = {"light": 0.01, "full": 0.02}
# parameters: width of three square layers, rows in a batch
SIZES = {100_000: (182, 256), 10_000_000: (1_825, 256), 100_000_000: (5_773, 256)}
SECONDS = 10.0  # and never fewer than twice the stride, so that what is traced is in it


def mlp(width):
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(3)))


def training_of(width, n_rows):
    torch.manual_seed(0)
    model, rows = mlp(width), torch.rand(n_rows, width)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)

    def step():
        optimizer.zero_grad()
        model(rows).square().mean().backward()
        optimizer.step()

    return model, optimizer, step


@pytest.mark.parametrize("n_parameters", SIZES)
@pytest.mark.parametrize("level", GOALS)
def test_tracing_takes_a_small_share_of_the_time(level, n_parameters):
    width, n_rows = SIZES[n_parameters]
    model, optimizer, step = training_of(width, n_rows)
    recorder = recorder_for(Tracing(level), lambda: True, 1)
    training = Training(lambda: True, [recorder])
    training.watch(model, optimizer, None)
    for _ in range(FIRST + 1):
        step()
    first, began, spent = recorder._spent / FIRST, time.perf_counter(), recorder._spent
    n_steps = 0
    while time.perf_counter() < began + SECONDS or n_steps < 2 * recorder._weights_pace.stride:
        step()
        n_steps += 1
    seconds = time.perf_counter() - began
    share = (recorder._spent - spent) / seconds
    began = time.perf_counter()
    training.unhook()
    end = time.perf_counter() - began
    print(
        f"\n{level} {n_parameters:.0e}: a step of {1e3 * seconds / n_steps:.2f} ms, "
        f"each of the first {FIRST} traced in {1e3 * first:.2f} ms, then every "
        f"{recorder._pace.stride} (weights: {recorder._weights_pace.stride}): "
        f"{100 * share:.2f} % of the time; the end {1e3 * end:.1f} ms"
    )
    assert share < GOALS[level]


def test_a_step_that_is_not_traced_costs_next_to_nothing():
    model, optimizer, step = training_of(16, 8)
    training = {
        level: Training(
            lambda level=level: running[0] == level,
            [recorder_for(Tracing(level, steps=frozenset({10**9})), lambda: True, 1)],
        )
        for level in ("off", "light")
    }
    running, seconds = ["off"], dict.fromkeys(training, 1.0)
    for one in training.values():
        one.watch(model, optimizer, None)
    for _ in range(2_000):
        for running[0] in training:
            began = time.perf_counter()
            step()
            seconds[running[0]] = min(seconds[running[0]], time.perf_counter() - began)
    for one in training.values():
        one.unhook()
    more = 1e6 * (seconds["light"] - seconds["off"])
    print(f"\na step of {1e6 * seconds['off']:.0f} us takes {more:.1f} us more")
    assert more < 10
