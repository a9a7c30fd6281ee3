"""The same under entropy="derive": the generator gets a seed that follows from the run's."""

import numpy as np

OPTIONS = {"entropy": "derive"}


def train(run, number):
    return np.arange(8) + np.random.default_rng().normal(size=8)
