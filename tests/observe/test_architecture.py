import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from repro.facts.fact import Absent
from repro.observe.architecture import from_model, unwrapped


class OptimizedModule(torch.nn.Module):
    """A wrapper by the name and the attribute of `torch.compile`, without the compiler."""

    def __init__(self, model):
        super().__init__()
        self._orig_mod = model


def network(p=0.5, width=4, dtype=torch.float32):
    return torch.nn.Sequential(
        torch.nn.Linear(2, width, dtype=dtype), torch.nn.Dropout(p), torch.nn.Linear(width, 1)
    )


def hyperparameters(estimator):
    return {part.name: part.value for part in from_model(estimator).hyperparameters}


def test_layers_and_parameters_of_a_model_are_counted():
    model = network()
    model[0].requires_grad_(False)
    seen = from_model(model)
    assert (seen.name, seen.n_parameters, seen.n_trainable) == ("Sequential", 17, 5)
    assert [(layer.path, layer.kind, layer.n_parameters) for layer in seen.layers] == [
        ("0", "Linear", 12),
        ("1", "Dropout", 0),
        ("2", "Linear", 5),
    ]


def test_the_digest_is_of_the_structure_not_of_the_weights():
    torch.manual_seed(0)
    first, second = network(), network()
    assert not torch.equal(first[0].weight, second[0].weight)
    assert from_model(first).digest == from_model(second).digest


@pytest.mark.parametrize(
    "other",
    [
        network(width=8),
        network(dtype=torch.float64),
        torch.nn.Sequential(*network(), torch.nn.ReLU()),
        torch.nn.Sequential(network()),
    ],
    ids=["width", "dtype", "layer", "nesting"],
)
def test_another_structure_has_another_digest(other):
    assert from_model(other).digest != from_model(network()).digest


def test_settings_that_other_facts_compare_one_by_one_are_not_in_the_digest():
    def model(p, eps):
        return torch.nn.Sequential(
            torch.nn.LSTM(3, 4, 2, dropout=p), torch.nn.LayerNorm(4, eps=eps)
        )

    assert from_model(network(p=0.1)).digest == from_model(network()).digest
    assert from_model(model(0.1, 1e-5)).digest == from_model(model(0.2, 1e-3)).digest


def test_shared_weights_count_once():
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False)
    )
    model[1].weight = model[0].weight
    assert from_model(model).n_parameters == 9


@pytest.mark.parametrize(
    "wrap",
    [
        OptimizedModule,
        torch.nn.DataParallel,
        lambda model: torch.nn.DataParallel(OptimizedModule(model)),
    ],
    ids=["compile", "parallel", "both"],
)
def test_a_wrapper_of_torch_changes_nothing(wrap):
    model = network()
    assert unwrapped(wrap(model)) is model
    assert from_model(wrap(model)) == from_model(model)


def test_a_module_of_the_user_that_holds_another_is_no_wrapper():
    class Mine(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = network()

    assert from_model(Mine()).name == "Mine"


def test_an_estimator_is_told_by_its_parameters():
    assert hyperparameters(LogisticRegression(C=0.5))["C"] == 0.5
    assert from_model(LogisticRegression()).name == "LogisticRegression"


def test_the_steps_of_a_pipeline_are_told_by_their_class_and_parameters():
    seen = hyperparameters(make_pipeline(StandardScaler(), LogisticRegression(C=0.5)))
    assert seen["standardscaler"] == "StandardScaler"
    assert seen["logisticregression__C"] == 0.5
    assert seen["steps"] == (
        "[['standardscaler', 'StandardScaler'], ['logisticregression', 'LogisticRegression']]"
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (LogisticRegression(C=1.0), LogisticRegression(C=2.0)),
        (MLPClassifier([64]), MLPClassifier([32])),
        (Pipeline([("a", StandardScaler())]), Pipeline([("a", MinMaxScaler())])),
        (
            ColumnTransformer([("scale", StandardScaler(), ["a", "b"])]),
            ColumnTransformer([("scale", StandardScaler(), ["a"])]),
        ),
        (LogisticRegression(), make_pipeline(LogisticRegression())),
    ],
    ids=["number", "list", "step", "columns", "class"],
)
def test_other_parameters_of_an_estimator_give_another_digest(left, right):
    assert from_model(left).digest == from_model(left).digest
    assert from_model(left).digest != from_model(right).digest


def test_what_is_neither_is_refused_with_a_reason():
    assert from_model("resnet18") == Absent(
        reason="str is neither a torch module nor a scikit-learn estimator", kind="failed"
    )
