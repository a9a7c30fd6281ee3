import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import Normalizer, StandardScaler

from repro.digest import row_hashes, table
from repro.observe.technique import Ending
from repro.observe.training import Training

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 2
TRAIN, TEST = slice(0, 40), slice(40, 60)


class Between(BaseEstimator):
    """Adds a row between each and the next, as imbalanced-learn's SMOTE does."""

    def fit_resample(self, X, y):
        """Rows and labels, the made ones last.

        y : array
            Target.
        """
        made = (X[1:] + X[:-1]) / 2
        return np.vstack([X, made]), np.append(y, y[1:])

    fit = fit_resample


class Broken(Between):
    def fit_resample(self, X, y):
        return None


def seen_in(fit, **roles):
    """What was recorded of this fit."""
    training = Training(lambda: True)
    with training.watch_fits():
        fit()
    features = {role: row_hashes(table(rows).features) for role, rows in roles.items()}
    fact = training.audience.facts(Ending(n_steps=0, features=features))["fit_scope"]
    return fact.fits[0]


def of_role(fit, role):
    return next(seen for seen in fit.roles if seen.role == role)


def test_scored_rows_that_a_resampler_made_are_counted():
    rows, _ = Between().fit_resample(X, Y)
    seen = seen_in(lambda: Between().fit_resample(X, Y), train=rows[:60], test=rows[60:])
    test = of_role(seen, "test")
    assert (seen.method, test.n_made, test.n_beyond_train) == ("fit_resample", 59, 0)


def test_a_resampler_of_train_alone_made_nothing_that_is_scored():
    seen = seen_in(lambda: Between().fit_resample(X[TRAIN], Y[TRAIN]), train=X[TRAIN], test=X[TEST])
    assert (of_role(seen, "test").n_made, of_role(seen, "test").n_beyond_train) == (0, 0)


def test_what_is_no_resampler_made_nothing():
    seen = seen_in(lambda: StandardScaler().fit(X), train=X[TRAIN], test=X[TEST])
    assert (of_role(seen, "test").n_made, of_role(seen, "test").n_beyond_train) == (None, 20)


def test_a_resampler_that_returns_nothing_is_recorded_all_the_same():
    seen = seen_in(lambda: Broken().fit_resample(X, Y), train=X[TRAIN], test=X[TEST])
    assert of_role(seen, "test").n_made is None
    assert of_role(seen, "test").n_rows == 20


@pytest.mark.parametrize(("n_folds", "n_row_sets"), [(3, 3), (1, 1)])
def test_fits_on_different_rows_are_told_from_one_that_is_repeated(n_folds, n_row_sets):
    def fit():
        if n_folds > 1:
            cross_val_score(LogisticRegression(), X, Y, cv=n_folds)
        else:
            LogisticRegression().fit(X, Y)
            LogisticRegression().fit(X, Y)

    assert seen_in(fit, train=X[TRAIN], test=X[TEST]).n_row_sets == n_row_sets


def test_what_keeps_nothing_of_the_rows_is_told():
    roles = {"train": X[TRAIN], "test": X[TEST]}
    assert seen_in(lambda: Normalizer().fit(X), **roles).needs_fit is False
    assert seen_in(lambda: StandardScaler().fit(X), **roles).needs_fit is True
