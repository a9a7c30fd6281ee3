"""A library seeds torch anew from the clock, after the run has."""

import time

import torch

CAUSE = r"seeded_by_the_clock\.py:11"


def train(run, number):
    torch.manual_seed(time.time_ns() % 2**32)
    return torch.rand(8)
