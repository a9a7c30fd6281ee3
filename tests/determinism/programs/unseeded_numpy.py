"""Nobody seeds numpy, whose global generator makes the noise of the augmentation."""

import numpy as np


def train(run, number):
    return np.arange(8.0) + np.random.normal(size=8)
