import functools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, fbeta_score, make_scorer

from repro.digest import ordered_digest, row_hashes, table
from repro.errors import UsageError
from repro.observe.scores import compute, metric_name

TRUE, PREDICTED = [0, 1, 1, 0], [0, 1, 0, 0]


def score(metric, y_true=TRUE, y_pred=PREDICTED, **arguments):
    return compute(
        "test/metric",
        metric,
        y_true,
        y_pred,
        on="test",
        greater_is_better=True,
        arguments=arguments,
        step=3,
    )


def share_of_hits(y_true, y_pred):
    return sum(t == p for t, p in zip(y_true, y_pred, strict=True)) / len(y_true)


def doubled(metric):
    @functools.wraps(metric)
    def twice(y_true, y_pred):
        return 2 * metric(y_true, y_pred)

    return twice


def halved(metric):
    @functools.wraps(metric)
    def half(y_true, y_pred):
        return metric(y_true, y_pred) / 2

    return half


def times(factor):
    def decorate(metric):
        @functools.wraps(metric)
        def multiplied(y_true, y_pred):
            return factor * metric(y_true, y_pred)

        return multiplied

    return decorate


class Tolerance:
    """A metric with a state of its own."""

    def __init__(self, width):
        self.width = width

    def __call__(self, y_true, y_pred):
        return float(np.mean(np.abs(np.subtract(y_true, y_pred)) <= self.width))

    def method(self, y_true, y_pred):
        return self(y_true, y_pred)


def tolerance(width):
    def within(y_true, y_pred):
        return float(np.mean(np.abs(np.subtract(y_true, y_pred)) <= width))

    return within


@pytest.mark.slow
def test_a_score_holds_its_value_its_definition_and_its_rows():
    found = score(fbeta_score, beta=2)
    assert found.value == fbeta_score(TRUE, PREDICTED, beta=2)
    assert (found.metric, found.arguments) == ("sklearn.metrics.fbeta_score", '{"beta":2}')
    assert found.library.startswith("scikit-learn ")
    assert found.source_digest.startswith("blake3:")
    assert (found.on, found.n_rows, found.step, found.greater_is_better) == ("test", 4, 3, True)
    assert found.rows_digest == ordered_digest(row_hashes(table(TRUE).features))


def test_a_partial_is_its_function_with_its_arguments():
    plain, bound = score(fbeta_score, beta=2), score(functools.partial(fbeta_score, beta=2))
    assert plain == bound
    inner = functools.partial(fbeta_score, beta=1)
    inner.note = "with an attribute python keeps the two apart"
    assert score(functools.partial(inner, beta=2)) == plain
    assert score(functools.partial(fbeta_score, beta=2), beta=3).arguments == '{"beta":3}'


def test_a_function_of_the_user_has_a_name_a_source_and_no_library():
    found = score(share_of_hits)
    assert found.metric == f"{__name__}.share_of_hits"
    assert found.source_digest is not None
    assert found.library is None
    assert found.value == 0.75


def test_a_lambda_is_told_by_its_source():
    first = score(lambda t, p: 1.0)
    second = score(lambda t, p: 2.0)
    assert first.metric.endswith("<lambda>")
    assert first.source_digest != second.source_digest


def test_a_decorated_function_keeps_its_name_and_is_another_definition():
    plain, decorated = score(share_of_hits), score(doubled(share_of_hits))
    assert metric_name(doubled(share_of_hits)) == plain.metric == f"{__name__}.share_of_hits"
    assert decorated.value == 2 * plain.value
    digests = {
        plain.source_digest,
        decorated.source_digest,
        score(halved(share_of_hits)).source_digest,
    }
    assert None not in digests
    assert len(digests) == 3


def test_the_argument_of_a_decorator_is_part_of_the_definition():
    assert score(times(3)(share_of_hits)).arguments == '{"factor":3}'
    assert score(times(4)(share_of_hits)).arguments == '{"factor":4}'


@pytest.mark.parametrize(
    "made",
    [Tolerance, tolerance, lambda width: Tolerance(width).method],
    ids=["class", "closure", "method"],
)
def test_a_metric_with_a_state_is_defined_by_it(made):
    found = score(made(0.5))
    assert found.arguments == '{"width":0.5}'
    assert found.source_digest is not None
    assert score(made(1)).arguments == '{"width":1}'


def test_a_metric_without_python_source_has_no_source_digest():
    found = score(math.dist)
    assert (found.metric, found.source_digest, found.library) == ("math.dist", None, None)
    assert found.arguments == "{}"


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        (np.array(TRUE), np.array(PREDICTED)),
        (torch.tensor(TRUE), torch.tensor(PREDICTED)),
        (pd.Series(TRUE), pd.Series(PREDICTED)),
        (pd.DataFrame({"y": TRUE}), pd.DataFrame({"y": PREDICTED})),
    ],
    ids=["array", "tensor", "series", "frame"],
)
def test_the_rows_are_the_same_whatever_they_come_in(y_true, y_pred):
    found = score(accuracy_score, y_true, y_pred)
    assert (found.value, found.rows_digest) == (0.75, score(accuracy_score).rows_digest)


def test_other_rows_or_another_order_of_them_have_another_digest():
    orders = (TRUE, [0, 0, 1, 1], [0, 1, 1, 1])
    assert len({score(accuracy_score, rows).rows_digest for rows in orders}) == 3


def test_a_score_that_is_not_a_number_is_kept_as_such():
    assert math.isnan(score(lambda t, p: math.nan).value)


@pytest.mark.parametrize(
    ("metric", "y_pred", "message"),
    [
        (
            accuracy_score,
            [1],
            "score('test/metric'): y_true has 4 rows, y_pred has 1. Score every row once.",
        ),
        (
            lambda t, p: [0.5, 1.0],
            PREDICTED,
            f"score('test/metric'): {__name__}.<lambda> returned [0.5, 1.0], not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
        (
            lambda t, p: None,
            PREDICTED,
            f"score('test/metric'): {__name__}.<lambda> returned None, not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
    ],
    ids=["lengths", "array", "none"],
)
def test_what_is_no_score_is_refused_with_the_whole_story(metric, y_pred, message):
    with pytest.raises(UsageError) as caught:
        score(metric, y_pred=y_pred)
    assert str(caught.value) == message


def test_an_error_of_the_metric_itself_is_the_users_to_see():
    with pytest.raises(TypeError):
        score(make_scorer(accuracy_score))
