"""A generator is made without a seed, under `entropy="derive"`, which gives it one."""

import numpy as np

OPTIONS = {"entropy": "derive"}


def train(run, number):
    return np.arange(8) + np.random.default_rng().normal(size=8)
