"""Row 14: not stopping too early: planned and done, and how the curves stood at the end."""

import math
import warnings

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import repro
from repro.facts.stopping import Stopping
from repro.observe.curve import Curve, Curves
from repro.observe.technique import Ending
from repro.observe.techniques.stopping import StoppingObserver

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] + 0.5 * np.random.default_rng(1).normal(size=60) > 0).astype(int)


def stopping(**known):
    return StoppingObserver().at_end(Ending(**{"n_steps": 10, **known}))


def curves(**series):
    made = Curves()
    for name, values in series.items():
        for step, value in enumerate(values):
            made.add({name: value}, step)
    return made


@pytest.mark.parametrize(
    ("params", "n_steps", "n_epochs", "expected"),
    [
        ({"epochs": 5}, 50, 5.0, ("epochs", 5, "epochs", 5.0, False)),
        ({"epochs": 5}, 30, 3.0, ("epochs", 5, "epochs", 3.0, True)),
        ({"train.max_epochs": 5}, 48, 4.7, ("epochs", 5, "train.max_epochs", 4.7, False)),
        ({"max_steps": 100}, 100, None, ("steps", 100, "max_steps", 100, False)),
        ({"max_steps": 100}, 40, None, ("steps", 100, "max_steps", 40, True)),
        ({"max_steps": 1000}, 995, None, ("steps", 1000, "max_steps", 995, False)),
        ({"epochs": 2, "max_steps": 100}, 40, 2.0, ("steps", 100, "max_steps", 40, True)),
        ({"epochs": True}, 40, 2.0, (None, None, None, None, None)),
        ({"max_steps": -1, "epochs": 2}, 40, 2.0, ("epochs", 2, "epochs", 2.0, False)),
        ({"epochs": 5}, 50, None, ("epochs", 5, "epochs", None, None)),
        ({"lr": 0.1}, 50, 5.0, (None, None, None, None, None)),
    ],
)
def test_technique_14_stopping_compares_what_was_planned_with_what_was_done(
    params, n_steps, n_epochs, expected
):
    """Of 100 rows in batches of 10, up to 9 are dropped in each epoch; a scaler skips a step."""
    fact = stopping(
        params=params, n_steps=n_steps, n_epochs=n_epochs, n_train=100, batch_sizes={10: n_steps}
    )
    assert (fact.unit, fact.planned, fact.planned_by, fact.done, fact.is_short) == expected


def test_technique_14_stopping_tells_the_patience_that_was_declared():
    fact = stopping(params={"early.patience": 3})
    assert (fact.patience, fact.patience_by) == (3, "early.patience")


def test_technique_14_stopping_tells_the_best_step_of_each_curve():
    logged = curves(**{"valid/loss": [3, 2, 1, 2, 3], "valid/acc": [0.1, 0.5, 0.4, 0.9, 0.9]})
    accuracy, loss = stopping(curves=logged).curves
    assert (loss.greater_is_better, loss.best_step, loss.best_at) == (False, 2, 0.5)
    assert (loss.first, loss.last, loss.lowest, loss.highest) == (3, 3, 1, 3)
    assert (accuracy.greater_is_better, accuracy.best_step, accuracy.best_at) == (True, 3, 0.75)


def test_technique_14_stopping_keeps_both_extremes_where_the_direction_is_unknown():
    (curve,) = stopping(curves=curves(width=[2, 5, 1])).curves
    assert (curve.greater_is_better, curve.best_step) == (None, None)
    assert (curve.lowest_step, curve.highest_step) == (2, 1)


def test_technique_14_stopping_takes_the_direction_from_the_score(project):
    with repro.tracked_run(seed=0, params={"epochs": 3}) as run:
        for step, predicted in enumerate(([0, 0], [0, 1], [1, 0])):
            run.score(
                "valid/gain",
                _half,
                [0, 1],
                predicted,
                on="valid",
                step=step,
                greater_is_better=False,
            )
    (curve,) = project.record(run.run_id).find(Stopping).curves
    assert (curve.name, curve.n_points, curve.greater_is_better) == ("valid/gain", 3, False)
    assert (curve.best_step, curve.lowest, curve.last_step) == (2, 0.0, 2)


def _half(y_true, y_pred):
    return float(np.mean(np.array(y_true) == np.array(y_pred)))


def test_technique_14_stopping_tells_whether_the_curve_still_falls():
    falling = [10 - step / 10 for step in range(100)]
    flat = [1.0] + [0.5 + 0.01 * (-1) ** step for step in range(99)]
    logged = curves(falling=falling, flat=flat)
    still, done = stopping(curves=logged).curves
    assert still.tail_slope == pytest.approx(-9 / 99, abs=1e-3)
    assert still.tail_error < 1e-6
    assert abs(done.tail_slope) < 2 * done.tail_error


def test_technique_14_stopping_counts_what_is_not_finite_and_leaves_it_out():
    (curve,) = stopping(curves=curves(loss=[1.0, math.nan, math.inf, 0.5])).curves
    assert (curve.n_points, curve.n_non_finite, curve.highest, curve.last) == (4, 2, 1.0, 0.5)


def test_technique_14_stopping_of_a_curve_without_any_finite_value():
    (curve,) = stopping(curves=curves(loss=[math.nan])).curves
    assert (curve.first, curve.best_step, curve.tail_slope) == (None, None, None)


def test_technique_14_stopping_keeps_a_long_curve_within_a_bound():
    curve = Curve()
    for step in range(100_000):
        curve.add(step, abs(step - 70_001))
    assert len(curve.points) < 512
    assert (curve.lowest, curve.highest) == ((70_001, 0), (0, 70_001))
    assert curve.points[0] == (0, 70_001)


def test_technique_14_stopping_keeps_a_bounded_number_of_curves(monkeypatch):
    monkeypatch.setattr(Curves, "MAX_NAMES", 2)
    assert set(curves(a=[1, 2], b=[1, 2], c=[1, 2])) == {"a", "b"}


def fitted(estimator):
    observer = StoppingObserver()
    observer.watched(estimator, None, None, None)
    observer.watched(estimator, None, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, Y)
    return observer.at_end(Ending(n_steps=0)).estimators


def test_technique_14_stopping_of_an_estimator_that_reached_its_limit():
    (short,) = fitted(LogisticRegression(max_iter=2))
    (enough,) = fitted(LogisticRegression(max_iter=500))
    assert (short.n_iterations, short.limit, short.is_at_limit) == (2, 2, True)
    assert (enough.limit, enough.is_at_limit, enough.stops_early) == (500, False, None)
    assert 2 < enough.n_iterations < 500


def test_technique_14_stopping_of_estimators_inside_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3))
    (found,) = fitted(GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2))
    assert found.path == "best_estimator_.logisticregression"
    assert (found.kind, found.limit) == ("LogisticRegression", 3)


def test_technique_14_stopping_of_estimators_that_stop_early():
    (net,) = fitted(
        MLPClassifier((2,), max_iter=400, early_stopping=True, n_iter_no_change=3, random_state=0)
    )
    assert (net.stops_early, net.patience, net.is_at_limit) == (True, 3, False)
    (trees,) = fitted(
        GradientBoostingClassifier(n_estimators=50, n_iter_no_change=2, random_state=0)
    )
    assert (trees.stops_early, trees.patience, trees.is_at_limit) == (True, 2, False)
    (all_trees,) = fitted(GradientBoostingClassifier(n_estimators=3))
    assert (all_trees.stops_early, all_trees.is_at_limit) == (False, True)


def test_technique_14_stopping_of_an_estimator_that_was_never_fitted():
    observer = StoppingObserver()
    observer.watched(LogisticRegression(), None, None, None)
    assert observer.at_end(Ending(n_steps=0)).kind == "not_applicable"


def test_technique_14_stopping_gates_no_comparison():
    from repro.record import is_compared

    fact = stopping(params={"epochs": 5}, curves=curves(loss=[1, 2]))
    assert not any(is_compared(path) for path in fact.flat())
