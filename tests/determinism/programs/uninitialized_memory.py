"""torch.empty hands out what the memory held before."""

import os

import torch


def train(run, number):
    secret = torch.frombuffer(bytearray(os.urandom(4096)), dtype=torch.uint8)
    garbage = [secret.clone() for _ in range(1_000)]
    del garbage
    return torch.empty(4096, dtype=torch.uint8)
