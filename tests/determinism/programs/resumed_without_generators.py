"""One process is resumed from a checkpoint of the weights, which holds no generator."""

import tempfile
from pathlib import Path

import torch


def steps(model, optimizer, n):
    for _ in range(n):
        optimizer.zero_grad()
        model(torch.ones(4, 8)).sum().backward()
        optimizer.step()


def made():
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.5))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def train(run, number):
    torch.manual_seed(0)
    model, optimizer = made()
    steps(model, optimizer, 3)
    if number == 1:
        with tempfile.TemporaryDirectory() as folder:
            model, optimizer = resumed(run, Path(folder) / "state.pt", model, optimizer)
    steps(model, optimizer, 3)
    return model[0].weight


def resumed(run, path, model, optimizer):
    if run is not None:
        run.checkpoint(path, model=model, optimizer=optimizer)
    torch.save([model.state_dict(), optimizer.state_dict()], path.with_suffix(".plain"))
    torch.manual_seed(12345)  # another process has other generators
    model, optimizer = made()
    if run is not None:
        run.load_checkpoint(path, model=model, optimizer=optimizer)
    else:
        weights, moments = torch.load(path.with_suffix(".plain"))
        model.load_state_dict(weights)
        optimizer.load_state_dict(moments)
    return model, optimizer
