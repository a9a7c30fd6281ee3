"""torch.empty hands out what the memory held before."""

import os

import torch


def train(run, number):
    garbage = torch.frombuffer(bytearray(os.urandom(4096)), dtype=torch.uint8).clone()
    del garbage
    return torch.empty(4096, dtype=torch.uint8)
