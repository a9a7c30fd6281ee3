"""The same numbers lie at another address: the vector units add them up in other groups."""

import torch

CAUSE = r"step 0.*(loss|gradients)"


def train(run, number):
    numbers = torch.rand(100, 100, generator=torch.Generator().manual_seed(0))
    moved = torch.empty(10_001)[number:][:10_000].view(100, 100).copy_(numbers)
    weight = torch.nn.Parameter(torch.ones(100))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    (moved @ weight).square().sum().backward()
    optimizer.step()
    return weight
