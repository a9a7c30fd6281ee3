"""An augmentation keeps a generator of its own, made without a seed."""

import numpy as np

CAUSE = r"own_generator\.py:11"


def train(run, number):
    if run is not None:
        run.log_metrics({"rows": 8})
    return np.arange(8) + np.random.default_rng().normal(size=8)
