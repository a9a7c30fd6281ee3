"""Row 9: backbone, neck, head."""

from collections import OrderedDict

import torch
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn
from watched_training import facts, seen, step, watching

from repro.facts.architecture import EXAMPLE, Architecture, Hyperparameter
from repro.facts.fact import Absent
from repro.record import is_compared

X = torch.ones(4, 6)


class Model(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(6, width), nn.Linear(width, 6))
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.backbone(x))


def architecture(model, inputs=X, **options) -> Architecture:
    return seen(model, inputs, **options)["architecture"]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def test_technique_09_the_pieces_of_a_model_are_told_with_what_is_frozen():
    model = Model()
    model.backbone.requires_grad_(False)
    fact = architecture(model)
    assert (fact.name, fact.n_parameters, fact.n_trainable) == ("Model", 98, 14)
    assert [(one.name, one.kind, one.n_parameters, one.n_trainable) for one in fact.pieces] == [
        ("backbone", "Sequential", 84, 0),
        ("head", "Linear", 14, 14),
    ]


def test_technique_09_a_kernel_of_another_size_shows_in_the_settings_of_its_layer():
    (three,) = architecture(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.ones(1, 1, 8, 8)).layers
    (five,) = architecture(nn.Sequential(nn.Conv2d(1, 1, 5)), torch.ones(1, 1, 8, 8)).layers
    assert three.settings == "1, 1, kernel_size=(3, 3), stride=(1, 1)"
    assert five.settings == "1, 1, kernel_size=(5, 5), stride=(1, 1)"


def test_technique_09_an_address_in_the_settings_does_not_change_the_digest():
    class Mine(nn.Linear):
        def __init__(self):
            super().__init__(6, 2)
            self.activation = object()

        def extra_repr(self):
            return f"activation={self.activation!r}"

    models = nn.Sequential(Mine()), nn.Sequential(Mine())
    left, right = map(architecture, models)
    assert left.digest == right.digest


class Scale(nn.Module):
    """Prints nothing of itself."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * self.weight.sum()


def named(**modules) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


def test_technique_09_the_digest_is_of_paths_classes_shapes_and_settings():
    models = (
        named(a=Scale(1), b=nn.ReLU()),
        named(a=Scale(2), b=nn.ReLU()),
        named(a=Scale(1), b=nn.Tanh()),
        named(a=Scale(1), c=nn.ReLU()),
        named(a=Scale(1), b=nn.ReLU(inplace=True)),
    )
    assert len({architecture(model).digest for model in models}) == len(models)
    assert architecture(named(a=Scale(1), b=nn.ReLU())).digest == architecture(models[0]).digest


def test_technique_09_what_other_techniques_tell_is_no_other_architecture():
    """One change would be two differences."""

    def model(p, momentum):
        return nn.Sequential(
            nn.Dropout(p), nn.BatchNorm1d(6, momentum=momentum), nn.LSTM(6, 2, 2, dropout=p)
        )

    assert architecture(model(0.1, 0.1)).digest == architecture(model(0.2, 0.3)).digest


def test_technique_09_the_layers_are_told_by_path_class_and_size():
    told = [(one.path, one.kind, one.n_parameters) for one in architecture(Model()).layers]
    assert told == [
        ("backbone", "Sequential", 0),
        ("backbone.0", "Linear", 42),
        ("backbone.1", "Linear", 42),
        ("head", "Linear", 14),
    ]


def test_technique_09_shared_parameters_count_once_and_are_told():
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False))
    model[1].weight = model[0].weight
    fact = architecture(model)
    assert (fact.n_parameters, fact.tied) == (36, ("1.weight = 0.weight",))
    assert [one.n_parameters for one in fact.pieces] == [36, 0]


def test_technique_09_lazy_modules_are_looked_at_when_they_have_a_shape():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2))
    fact = architecture(model)
    assert (fact.n_parameters, fact.n_uninitialized) == (21 + 8, 0)
    assert [one.kind for one in fact.layers] == ["Linear", "Linear"]


def test_technique_09_lazy_modules_that_never_ran_are_not_counted():
    with watching() as training:
        training.watch(nn.Sequential(nn.LazyLinear(3)), None, None)
        fact = facts(training)["architecture"]
    assert (fact.n_parameters, fact.n_uninitialized) == (0, 2)


def test_technique_09_the_tree_is_that_of_the_first_step():
    model = Model()
    before = architecture(model).digest

    def prune():
        model.head = nn.Identity()

    assert architecture(model, n_steps=3, between=prune).digest == before


def test_technique_09_a_model_that_was_replaced_is_told():
    first, second = Model(), Model(width=8)
    with watching() as training:
        for model in (first, second):
            optimizer = sgd(model)
            training.watch(model, optimizer, None)
            step(model, optimizer, X)
        fact = facts(training)["architecture"]
    (other,) = fact.others
    assert fact.n_parameters == sum(p.numel() for p in second.parameters())
    assert (other.name, other.n_parameters, other.is_trained) == ("Model", 98, True)
    assert other.digest == architecture(Model()).digest != fact.digest
    assert fact.flat()["architecture.others.Model.n_parameters"] == 98


def test_technique_09_three_models_have_three_names():
    models = [Model(), Model(), Model()]
    with watching() as training:
        for model in models:
            training.watch(model, None, None)
        fact = facts(training)["architecture"]
    assert [one.name for one in fact.others] == ["Model", "Model-2"]


def test_technique_09_a_compiled_model_is_the_same_model_and_told_to_be_compiled():
    plain, compiled = Model(), Model()
    fact = architecture(torch.compile(compiled, backend="eager"))
    assert fact.wrappers == ("OptimizedModule",)
    assert fact.digest == architecture(plain).digest


def test_technique_09_an_estimator_is_told_by_its_parameters():
    with watching() as training:
        training.watch(LogisticRegression(C=0.5), None, None)
        fact = facts(training)["architecture"]
    assert fact.flat()["architecture.C"] == 0.5


def test_technique_09_an_estimator_inside_another_is_told_by_its_class():
    def told():
        with watching() as training:
            training.watch(BaggingClassifier(LogisticRegression(C=0.5)), None, None)
            return facts(training)["architecture"]

    flat = told().flat()
    assert flat["architecture.estimator"] == "LogisticRegression"
    assert flat["architecture.estimator__C"] == 0.5
    assert told() == told()


def test_technique_09_an_estimator_that_only_was_fitted_is_told():
    with watching() as training:
        with training.watch_fits():
            scaled = StandardScaler().fit_transform([[0.0], [1.0]])
            LogisticRegression(C=0.5).fit(scaled, [0, 1])
        fact = facts(training)["architecture"]
    assert (fact.name, fact.flat()["architecture.C"]) == ("LogisticRegression", 0.5)


def test_technique_09_a_hyperparameter_does_not_hide_a_field_of_its_name():
    parts = tuple(
        Hyperparameter(name=name, value=1) for name in ("layers", "name", "layers_per_block", "C")
    )
    fact = EXAMPLE.but(hyperparameters=parts)
    flat = fact.flat()
    assert (flat["architecture.name"], flat["architecture.hyperparameters.name"]) == ("CNN", 1)
    assert flat["architecture.hyperparameters.layers"] == flat["architecture.C"] == 1
    assert "architecture.layers.conv.kind" in flat
    compared = {path for path in flat if is_compared(path)}
    assert {"architecture.hyperparameters.layers", "architecture.layers_per_block"} <= compared


def test_technique_09_a_record_of_version_1_is_understood():
    data = {"name": "CNN", "n_parameters": 1, "n_trainable": 1, "digest": "blake3:ee"}
    data["layers"] = [{"path": "conv", "kind": "Conv2d", "n_parameters": 1}]
    fact = Architecture.model_validate(Architecture.upgrade(1, data))
    assert fact.layers[0].settings is None


def test_technique_09_what_was_not_handed_over_is_not_recorded():
    with watching() as training:
        training.hook_optimizers()
        model = Model()
        step(model, sgd(model), X)
        assert facts(training)["architecture"] == Absent(
            reason="the model was not handed over: run.watch(...)", kind="not_recorded"
        )


def test_technique_09_what_is_no_model_is_refused_with_a_reason():
    with watching() as training:
        training.watch("resnet18", None, None)
        assert facts(training)["architecture"] == Absent(
            reason="str is neither a torch module nor a scikit-learn estimator", kind="failed"
        )
