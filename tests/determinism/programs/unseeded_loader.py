"""A DataLoader shuffles with torch's global generator."""

import torch
from torch.utils.data import DataLoader


def train(run, number):
    return torch.cat(list(DataLoader(range(64), batch_size=8, shuffle=True)))
