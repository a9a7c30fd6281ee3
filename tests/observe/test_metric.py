import functools
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, fbeta_score, get_scorer, log_loss, make_scorer

from repro.observe.metric import evaluate, metric_name, signature

TRUE, PREDICTED = [0, 1, 1, 0], [0, 1, 0, 0]


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


def after(function):
    def applied(y_true, y_pred):
        return share_of_hits(y_true, function(y_pred))

    return applied


def of(metric, **arguments):
    return signature(metric, arguments)


@pytest.mark.slow
def test_a_metric_is_its_name_source_library_arguments_and_defaults():
    found = of(fbeta_score, beta=2)
    assert (found.metric, found.arguments) == ("sklearn.metrics.fbeta_score", '{"beta":2}')
    assert found.library.startswith("scikit-learn ")
    assert found.source_digest.startswith("blake3:")
    assert found.defaults == (
        '{"average":"binary","labels":null,"pos_label":1,"sample_weight":null,'
        '"zero_division":"warn"}'
    )


def test_an_argument_that_is_given_is_no_default():
    found = of(fbeta_score, beta=2, average="macro")
    assert found.arguments == '{"average":"macro","beta":2}'
    assert '"average"' not in found.defaults


def test_a_partial_is_its_function_with_its_arguments():
    plain, bound = of(fbeta_score, beta=2), of(functools.partial(fbeta_score, beta=2))
    assert plain == bound
    inner = functools.partial(fbeta_score, beta=1)
    inner.note = "with an attribute python keeps the two apart"
    assert of(functools.partial(inner, beta=2)) == plain
    assert of(functools.partial(fbeta_score, beta=2), beta=3).arguments == '{"beta":3}'


def test_a_function_of_the_user_has_a_name_a_source_and_no_library():
    found = of(share_of_hits)
    assert found.metric == f"{__name__}.share_of_hits"
    assert found.source_digest is not None
    assert found.library is None


def test_a_lambda_is_told_by_its_source():
    first, second = of(lambda t, p: 1.0), of(lambda t, p: 2.0)
    assert first.metric.endswith("<lambda>")
    assert first.source_digest != second.source_digest


def test_a_decorated_function_keeps_its_name_and_is_another_definition():
    plain, decorated = of(share_of_hits), of(doubled(share_of_hits))
    assert metric_name(doubled(share_of_hits)) == plain.metric == f"{__name__}.share_of_hits"
    digests = {
        plain.source_digest,
        decorated.source_digest,
        of(halved(share_of_hits)).source_digest,
    }
    assert None not in digests
    assert len(digests) == 3


def test_the_argument_of_a_decorator_is_part_of_the_definition():
    assert of(times(3)(share_of_hits)).arguments == '{"factor":3}'
    assert of(times(4)(share_of_hits)).arguments == '{"factor":4}'


@pytest.mark.parametrize(
    "made",
    [Tolerance, tolerance, lambda width: Tolerance(width).method],
    ids=["class", "closure", "method"],
)
def test_a_metric_with_a_state_is_defined_by_it(made):
    found = of(made(0.5))
    assert found.arguments == '{"width":0.5}'
    assert found.source_digest is not None
    assert of(made(1)).arguments == '{"width":1}'


def test_metrics_that_close_over_different_functions_are_two():
    one, two = of(after(lambda p: p)), of(after(lambda p: [1 - x for x in p]))
    assert one.source_digest == two.source_digest
    assert one.helpers_digest != two.helpers_digest


def test_a_function_that_is_handed_in_as_an_argument_is_part_of_the_definition():
    def shared(y_true, y_pred, by):
        return by(y_true)

    one, two = of(shared, by=lambda p: 1.0, on=1), of(shared, by=lambda p: 2.0, on=1)
    assert one.helpers_digest != two.helpers_digest
    assert of(shared, on=1, by=lambda p: 1.0) == one


def test_a_metric_without_python_source_has_no_source_digest():
    found = of(math.dist)
    assert (found.metric, found.source_digest, found.library) == ("math.dist", None, None)
    assert (found.arguments, found.defaults) == ("{}", "{}")


def test_a_scorer_of_scikit_learn_is_its_function_with_its_sign():
    scorer = get_scorer("neg_log_loss")
    found = of(scorer)
    assert (found.metric, found.arguments) == ("sklearn.metrics.log_loss", '{"sign":-1}')
    assert found.source_digest == of(log_loss).source_digest
    assert evaluate(scorer, TRUE, [0.1, 0.9, 0.4, 0.2], {}) == -log_loss(TRUE, [0.1, 0.9, 0.4, 0.2])


def test_the_arguments_of_a_scorer_are_those_of_its_function():
    scorer = make_scorer(fbeta_score, beta=2)
    assert of(scorer).arguments == '{"beta":2,"sign":1}'
    assert evaluate(scorer, TRUE, PREDICTED, {}) == fbeta_score(TRUE, PREDICTED, beta=2)


def test_an_own_function_is_called_with_what_was_given():
    assert evaluate(share_of_hits, TRUE, PREDICTED, {}) == accuracy_score(TRUE, PREDICTED) == 0.75
