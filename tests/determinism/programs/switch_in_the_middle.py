"""A trainer switches the deterministic algorithms off on the way."""

import torch

CAUSE = r"deterministic_algorithms.*step 3"


def train(run, number):
    torch.set_num_threads(2)
    torch.manual_seed(0)
    table = torch.nn.Parameter(torch.randn(50, 8))
    optimizer = torch.optim.SGD([table], lr=0.1)
    rows, weights = torch.randint(50, (200_000,)), torch.rand(200_000, 8)
    for step in range(6):
        if step == 3:
            torch.use_deterministic_algorithms(False)
        optimizer.zero_grad()
        (table[rows] * weights).sum().backward()
        optimizer.step()
    return table
