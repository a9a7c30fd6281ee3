import functools

import numpy as np
import pytest
import torch
import torchmetrics
from sklearn.metrics import precision_score
from torchmetrics import functional

from repro.errors import UsageError
from repro.observe import torch_metric
from repro.observe.metric import evaluate, signature

TRUE, PREDICTED = [0, 1, 1, 0, 0], [0, 1, 1, 1, 1]
PRECISION = precision_score(TRUE, PREDICTED)  # recall is another number: the order matters
KINDS = [list, np.array, torch.tensor]


class Own(torchmetrics.Metric):
    higher_is_better = True

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.add_state("total", torch.tensor(0.0))

    def update(self, preds, target):
        self.total += ((preds - target).abs() <= self.width).sum()

    def compute(self):
        return self.total


@pytest.mark.parametrize("kind", KINDS, ids=["list", "array", "tensor"])
def test_functions_and_objects_are_given_predictions_first_as_tensors(kind):
    y_true, y_pred = kind(TRUE), kind(PREDICTED)
    metrics = [
        functional.classification.binary_precision,
        functools.partial(functional.precision, task="binary"),
        torchmetrics.Precision(task="binary"),
    ]
    values = [float(evaluate(metric, y_true, y_pred, {})) for metric in metrics]
    assert values == pytest.approx([PRECISION] * 3)


def test_arguments_reach_the_function():
    found = evaluate(functional.precision, TRUE, PREDICTED, {"task": "binary"})
    assert float(found) == pytest.approx(PRECISION)


def test_texts_are_handed_over_as_they_are():
    found = evaluate(functional.text.char_error_rate, ["abcd"], ["abxd"], {})
    assert float(found) == 0.25


def test_the_object_of_the_user_is_not_touched_and_what_it_had_seen_does_not_count():
    metric = torchmetrics.Precision(task="binary")
    metric.update(torch.tensor([1, 1]), torch.tensor([0, 0]))
    before = metric.compute()
    assert float(evaluate(metric, TRUE, PREDICTED, {})) == pytest.approx(PRECISION)
    assert metric.update_count == 1
    assert metric.compute() == before


def test_a_gradient_of_the_predictions_is_left_alone():
    predictions = torch.tensor([0.1, 0.9], requires_grad=True)
    found = evaluate(torchmetrics.MeanSquaredError(), torch.tensor([0.0, 1.0]), predictions, {})
    assert not found.requires_grad
    assert predictions.requires_grad


def test_an_object_is_defined_by_its_class_and_its_settings():
    found = signature(torchmetrics.classification.BinaryAUROC(max_fpr=0.5, thresholds=3), {})
    assert found.metric == "torchmetrics.classification.auroc.BinaryAUROC"
    assert found.library.startswith("torchmetrics ")
    assert found.source_digest.startswith("blake3:")
    assert '"max_fpr":0.5' in found.arguments
    assert '"thresholds":"[0.0, 0.5, 1.0]"' in found.arguments
    assert "confmat" not in found.arguments


def test_the_definition_does_not_change_with_what_was_seen():
    metric = torchmetrics.Accuracy(task="multiclass", num_classes=3)
    before = signature(metric, {})
    metric(torch.tensor([0, 1]), torch.tensor([0, 2]))
    metric.compute()
    metric.eval()
    assert signature(metric, {}) == before


def test_a_metric_derived_from_torchmetrics_is_one_too():
    found = signature(Own(0.5), {})
    assert (found.metric, found.arguments) == (f"{__name__}.Own", '{"width":0.5}')
    assert float(evaluate(Own(0.5), [0.0, 1.0], [0.2, 0.1], {})) == 1.0
    assert found.library is None


def test_the_functions_of_torchmetrics_are_recognised():
    assert torch_metric.is_function(functional.accuracy)
    assert torch_metric.is_function(functools.partial(functional.accuracy, task="binary"))
    assert not torch_metric.is_function(precision_score)
    assert not torch_metric.is_object(torch.nn.Linear(1, 1))


def test_what_does_not_say_which_are_the_predictions_is_refused():
    chances = torch.tensor([[0.5, 0.5]])
    for metric, name in (
        (functional.kl_divergence, "kl_divergence"),
        (torchmetrics.KLDivergence(), "KLDivergence"),
    ):
        with pytest.raises(UsageError) as caught:
            evaluate(metric, chances, chances, {})
        assert str(caught.value) == (
            f"{name} takes (p, q), not (preds, target): which are the predictions? "
            f"Pass a function of your own: lambda y_true, y_pred: {name}(...)"
        )
