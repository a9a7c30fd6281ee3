"""Two threads add the gradients of the same row of a table, each time in another order."""

import torch


def train(run, number):
    torch.set_num_threads(2)
    if run is None:
        torch.manual_seed(0)
    table = torch.randn(50, 8, requires_grad=True)
    rows, weights = torch.randint(50, (200_000,)), torch.rand(200_000, 8)
    (table[rows] * weights).sum().backward()
    return table.grad
