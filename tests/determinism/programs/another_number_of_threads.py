"""One process has one thread, the other two: sums are added up in another order."""

import torch

CAUSE = r"num_threads"


def before(number):
    torch.set_num_threads(1 + number)


def train(run, number):
    torch.manual_seed(0)
    return torch.rand(1_000_003).sum()
