"""Dropout draws its masks from a generator that nobody seeds; the weights are equal."""

import torch


def train(run, number):
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.5))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.1)
    return model(torch.ones(16, 8))
