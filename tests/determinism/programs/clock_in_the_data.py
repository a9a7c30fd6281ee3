"""A feature is the time of day."""

import time

import torch
from torch.utils.data import DataLoader

CAUSE = r"step 0.*batch"


def train(run, number):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = [torch.tensor([1.0, (time.time_ns() % 10**9) / 1e9]) for _ in range(8)]
    loader = run.dataloader(rows, batch_size=4) if run else DataLoader(rows, batch_size=4)
    for batch in loader:
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()
    return model.weight
