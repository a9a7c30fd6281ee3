"""A seeded forest predicts with two jobs, which add up the trees as they finish."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestRegressor

CAUSE = r"a score after 0 steps, test/mean y_pred"


def train(run, number):
    x, y = load_digits(return_X_y=True)
    forest = RandomForestRegressor(40, random_state=0, max_depth=4).fit(x[:300], y[:300] + 0.1)
    trees = [tree.predict(x) for tree in forest.estimators_]
    order = trees if number else trees[::-1]  # what two jobs do by chance
    predicted = np.sum(order, axis=0) / len(trees)
    if run is not None:
        run.log_data(train=(x[:300], y[:300]), test=(x, y))
        run.score("test/mean", mean_error, y, predicted, on="test", greater_is_better=False)
    return predicted


def mean_error(y_true, y_pred):
    return float(np.abs(y_true - y_pred).mean())
