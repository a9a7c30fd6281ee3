"""Nobody seeds python's own generator, which shuffles the samples."""

import random

import numpy as np


def train(run, number):
    rows = list(range(64))
    random.shuffle(rows)
    return np.array(rows)
