"""A forest of scikit-learn without random_state."""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


def train(run, number):
    x, y = load_iris(return_X_y=True)
    return np.asarray(RandomForestClassifier(5).fit(x, y).predict_proba(x))
