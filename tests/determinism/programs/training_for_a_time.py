"""The training lasts for a time, not for a number of steps."""

import time

import torch

CAUSE = r"step \d+, length"


def train(run, number):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    until = time.monotonic() + (0.05, 0.6)[number]
    while time.monotonic() < until:
        time.sleep(0.01)
        optimizer.zero_grad()
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
    return model.weight
