"""Classes are numbered in the order of a set of names, which follows PYTHONHASHSEED."""

import numpy as np

PROCESS = True  # what an interpreter starts with


def train(run, number):
    names = {f"class {row}" for row in range(20)}
    return np.array([int(name.split()[1]) for name in names])
