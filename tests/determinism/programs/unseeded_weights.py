"""Nobody seeds torch: the model starts from other weights."""

import torch


def train(run, number):
    return torch.nn.Linear(8, 4).weight
