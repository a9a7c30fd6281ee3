"""Samples are augmented by two workers instead of by the process itself."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __init__(self, rng):
        self.rng = rng

    def __len__(self):
        return 16

    def __getitem__(self, row):
        noise = np.random if self.rng is None else self.rng(row)
        return row + noise.normal()


def train(run, number):
    np.random.seed(0)
    torch.manual_seed(0)
    data = Noisy(run.sample_rng if run else None)
    return torch.cat(list(DataLoader(data, batch_size=4, num_workers=2 * number)))
