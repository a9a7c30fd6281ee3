"""One process has one thread, the other two: sums are added up in another order."""

import torch

CAUSE = r"step 0.*num_threads"


def before(number):
    torch.set_num_threads(1 + number)


def train(run, number):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    (weight * torch.rand(1_000_003).sum()).backward()
    optimizer.step()
    return weight
