"""The model is made before the run seeds the generators."""

import torch

CAUSE = r"(?s)drawn before +torch.*step 0, parameters, weight"
MODELS = []


def before():
    MODELS[:] = [torch.nn.Linear(8, 4)]


def train(run, number):
    (model,) = MODELS
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if run is not None:
        run.watch(model, optimizer)
    model(torch.ones(2, 8)).sum().backward()
    optimizer.step()
    return model.weight
