import functools
import io

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    zero_one_loss,
)

from repro.errors import UsageError
from repro.observe.per_example import as_npy, check, values_of

RNG = np.random.default_rng(0)
CHANCES = RNG.dirichlet(np.ones(3), size=20)
CLASSES = RNG.integers(0, 3, size=20)
NUMBERS = RNG.normal(size=(20, 2))


def values(metric, y_true, y_pred, wanted=True, **arguments):
    check("m", metric, wanted, arguments)
    return values_of("m", metric, wanted, arguments, y_true, y_pred)


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "arguments"),
    [
        (accuracy_score, CLASSES, CHANCES.argmax(1), {}),
        (accuracy_score, CHANCES > 0.3, CHANCES > 0.4, {}),
        (zero_one_loss, CLASSES, CHANCES.argmax(1), {}),
        (mean_squared_error, NUMBERS[:, 0], NUMBERS[:, 1], {}),
        (mean_squared_error, NUMBERS, NUMBERS[::-1], {}),
        (mean_absolute_error, NUMBERS[:, 0], NUMBERS[:, 1], {}),
        (mean_absolute_error, NUMBERS, NUMBERS[::-1], {}),
        (log_loss, CLASSES, CHANCES, {}),
        (log_loss, CLASSES.clip(0, 1), CHANCES, {"labels": [0, 1, 2]}),
        (log_loss, CLASSES > 1, CHANCES[:, 0], {}),
        (log_loss, np.array(["b", "a", "b"]), np.array([[0.2, 0.8], [1.0, 0.0], [1.0, 0.0]]), {}),
        (log_loss, CLASSES, CHANCES.astype(np.float32), {}),
    ],
    ids=[
        *("hits", "multilabel hits", "misses", "squares", "squares of two", "distances"),
        *("distances of two", "log loss", "log loss with labels", "binary", "texts", "float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")
def test_the_mean_over_rows_is_what_scikit_learn_gives(metric, y_true, y_pred, arguments):
    found = values(metric, y_true, y_pred, **arguments)
    assert (found.shape, found.dtype) == ((len(y_true),), np.float64)
    assert found.mean() == pytest.approx(metric(y_true, y_pred, **arguments), rel=1e-6)


def test_values_function_and_tensor_are_taken_as_they_come():
    ones = torch.ones(3, requires_grad=True)
    assert values(f1_score, [1, 1, 1], [1, 1, 1], ones).tolist() == [1, 1, 1]
    difference = values(f1_score, [1, 2, 3], [3, 2, 1], lambda t, p: np.subtract(t, p))
    assert difference.tolist() == [-2, 0, 2]
    assert values(f1_score, [1], [1], None) is None


def test_the_values_are_a_copy():
    given = np.zeros(3)
    found = values(f1_score, [1, 1, 1], [1, 1, 1], given)
    given[:] = 1
    assert found.tolist() == [0, 0, 0]


def test_the_file_is_read_by_numpy():
    stored = as_npy(np.array([0.5, np.nan]))
    np.testing.assert_array_equal(np.load(io.BytesIO(stored), allow_pickle=False), [0.5, np.nan])
    assert as_npy(np.array([0.5])) == as_npy(np.array([0.5]))


def weighted(y_true, y_pred):
    return 1.0


@pytest.mark.parametrize(
    ("metric", "arguments", "named"),
    [
        (f1_score, {}, "sklearn.metrics.f1_score"),
        (weighted, {}, f"{__name__}.weighted"),
        (
            mean_squared_error,
            {"sample_weight": [1]},
            "sklearn.metrics.mean_squared_error with sample_weight",
        ),
        (
            functools.partial(mean_squared_error, multioutput="raw_values"),
            {},
            "sklearn.metrics.mean_squared_error with multioutput",
        ),
    ],
    ids=["no mean", "own", "weights", "partial"],
)
def test_what_a_row_contributes_is_asked_for_where_it_is_not_known(metric, arguments, named):
    with pytest.raises(UsageError) as caught:
        values(metric, [1], [1], **arguments)
    assert str(caught.value) == (
        f"score('m', per_example=True): what a row contributes to {named} is not known; "
        "it is for: sklearn.metrics.accuracy_score, sklearn.metrics.log_loss, "
        "sklearn.metrics.mean_absolute_error, sklearn.metrics.mean_squared_error, "
        "sklearn.metrics.zero_one_loss. "
        "Pass per_example=values, shape (n_rows,), or per_example=function(y_true, y_pred)."
    )


def test_a_decorated_metric_is_not_the_known_one():
    @functools.wraps(accuracy_score)
    def half(y_true, y_pred):
        return accuracy_score(y_true, y_pred) / 2

    with pytest.raises(UsageError, match="is not known"):
        values(half, [1], [1])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            [1.0],
            "score('m'): per_example has shape (1,), not (2,). Pass one number for each row.",
        ),
        (
            lambda t, p: 0.5,
            "score('m'): per_example has shape (), not (2,). Pass one number for each row.",
        ),
        (
            ["a", "b"],
            "score('m'): per_example is list, not numbers. Pass one number for each of the 2 rows.",
        ),
    ],
    ids=["length", "number", "texts"],
)
def test_what_is_not_one_number_a_row_is_refused(wanted, message):
    with pytest.raises(UsageError) as caught:
        values(f1_score, [1, 0], [1, 1], wanted)
    assert str(caught.value) == message
