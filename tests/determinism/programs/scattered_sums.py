"""Two threads add to the same elements with index_put_, each time in another order."""

import torch


def train(run, number):
    torch.set_num_threads(2)
    if run is None:
        torch.manual_seed(0)
    sums = torch.zeros(50)
    rows, values = torch.randint(50, (400_000,)), torch.rand(400_000)
    return sums.index_put_((rows,), values, accumulate=True)
