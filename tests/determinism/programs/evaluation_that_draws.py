"""One process evaluates in between, and the evaluation draws from the training's generator."""

from contextlib import nullcontext

import torch


def train(run, number):
    torch.manual_seed(0)
    first = torch.rand(8)
    if number == 1:
        with run.isolated() if run else nullcontext():
            torch.rand(3)
    return torch.stack([first, torch.rand(8)])
