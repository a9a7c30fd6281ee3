"""Row 5: dropout, also inside pretrained models."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from watched_training import facts, seen, step, watching

from repro.facts.fact import Absent
from repro.facts.regularization import Regularization

X = torch.ones(4, 3)


def regularization(model, inputs=X, **options) -> Regularization:
    return seen(model, inputs, **options)["regularization"]


def rates(model, inputs=X, **options) -> dict[str, float]:
    return {one.path: one.p for one in regularization(model, inputs, **options).dropout}


class DropPath(nn.Module):
    """As in many libraries: known by its name alone."""

    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return x


class Attention(nn.Module):
    """Gives its rate to a function; the attribute is what can be seen."""

    def __init__(self, dropout):
        super().__init__()
        self.dropout = dropout
        self.dropped_tokens = 0  # a counter, no rate
        self.drop_last = True
        self.qkv = nn.Linear(3, 3)

    def forward(self, x):
        return nn.functional.dropout(self.qkv(x), self.dropout, self.training)


@pytest.mark.parametrize(
    "kind",
    [nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout, DropPath],
    ids=lambda kind: kind.__name__,
)
def test_technique_05_dropout_is_told_by_path_and_class(kind):
    model = nn.Sequential(nn.Linear(3, 3), kind(0.25))
    (told,) = regularization(model).dropout
    assert (told.path, told.kind, told.p, told.p_end) == ("1", kind.__name__, 0.25, None)
    assert regularization(model).flat()["regularization.dropout.1.p"] == 0.25


def test_technique_05_dropout_that_is_the_whole_model_has_its_class_for_a_path():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    inputs = X.clone().requires_grad_()
    assert rates(nn.Dropout(0.25), inputs, optimizer=optimizer) == {"Dropout": 0.25}


def test_technique_05_dropout_that_two_models_share_is_told_once():
    shared = nn.Dropout(0.25)
    with watching() as training:
        for model in (nn.Sequential(shared), nn.Sequential(nn.Identity(), shared)):
            training.watch(model, None, None)
        told = facts(training)["regularization"].dropout
    assert [one.path for one in told] == ["1"]


def test_technique_05_dropout_of_images_and_volumes_is_told():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout2d(0.1), nn.Conv2d(2, 1, 1))
    assert rates(model, torch.ones(2, 1, 3, 3)) == {"1": 0.1}
    model = nn.Sequential(nn.Conv3d(1, 2, 1), nn.Dropout3d(0.1))
    assert rates(model, torch.ones(2, 1, 3, 3, 3)) == {"1": 0.1}


def test_technique_05_dropout_arguments_of_recurrent_and_attention_modules_are_told():
    assert rates(nn.LSTM(3, 2, num_layers=2, dropout=0.3)) == {"dropout": 0.3}
    assert rates(nn.Sequential(nn.GRU(3, 2)), torch.ones(4, 3)) == {"0.dropout": 0.0}
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2)
    assert rates(layer, torch.ones(2, 3, 4)) == {
        "self_attn.dropout": 0.2,
        "dropout": 0.2,
        "dropout1": 0.2,
        "dropout2": 0.2,
    }


def test_technique_05_dropout_rate_that_a_module_hands_to_a_function_is_told_and_a_counter_is_not():
    assert rates(nn.Sequential(Attention(0.4))) == {"0.dropout": 0.4}


def test_technique_05_dropout_of_zero_and_of_a_whole_number_is_a_rate():
    assert rates(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0), nn.Dropout(1))) == {
        "1": 0.0,
        "2": 1.0,
    }


def test_technique_05_dropout_in_the_config_of_a_pretrained_model_is_told():
    model = nn.Linear(3, 3)
    model.config = SimpleNamespace(
        hidden_dropout_prob=0.1, classifier_dropout=None, hidden_size=8, _private_dropout=1.0
    )
    assert [(one.name, one.value) for one in regularization(model).config] == [
        ("classifier_dropout", None),
        ("hidden_dropout_prob", 0.1),
    ]


def test_technique_05_dropout_is_that_of_the_first_step_and_a_later_change_is_told():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Dropout(0.1))

    def anneal():
        model[1].p = 0.2

    changed, kept = regularization(model, n_steps=3, between=anneal).dropout
    assert (changed.p, changed.p_end) == (0.5, 0.2)
    assert (kept.p, kept.p_end) == (0.1, None)


def test_technique_05_dropout_that_is_set_between_watch_and_the_first_step_is_no_change():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))

    def before_the_first():
        model[1].p = 0.2

    (told,) = regularization(model, n_steps=1, between=before_the_first).dropout
    assert (told.p, told.p_end) == (0.2, None)


def test_technique_05_dropout_of_a_model_without_any_is_an_empty_list():
    fact = regularization(nn.Linear(3, 3))
    assert fact.flat()["regularization.dropout"] == "none"


def test_technique_05_dropout_is_equal_for_two_seeds():
    def build(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.LSTM(3, 2, 2, dropout=0.1))

    assert regularization(build(0)) == regularization(build(1))


def test_technique_05_without_a_torch_model_it_does_not_apply():
    with watching() as training:
        assert facts(training)["regularization"] == Absent(
            reason="no torch optimizer stepped in this run", kind="not_applicable"
        )


def test_technique_05_of_a_model_that_was_not_handed_over_it_is_not_recorded():
    with watching() as training:
        training.hook_optimizers()
        model = nn.Linear(3, 3)
        step(model, torch.optim.SGD(model.parameters(), lr=0.1), X)
        for name in ("regularization", "initialization", "normalization", "compression"):
            assert facts(training)[name] == Absent(
                reason="the model was not handed over: run.watch(...)", kind="not_recorded"
            )


class Sparse(nn.Module):
    """Measures what it leaves out; its rate comes from a config, not from an argument."""

    def __init__(self, config):
        super().__init__()
        self.drop_rate = config["drop_rate"]
        self.drop_fraction = 0.0
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        kept = self.inner(x).relu()
        self.drop_fraction = self.last_dropped = float((kept == 0).float().mean())
        return kept


@pytest.mark.parametrize("n_steps", [1, 3])
def test_technique_05_dropout_rate_is_none_that_a_forward_measures(n_steps):
    def build(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 3), Sparse({"drop_rate": 0.3}))

    first, second = (regularization(build(seed), n_steps=n_steps) for seed in (0, 1))
    assert first == second
    assert [(one.path, one.p) for one in first.dropout] == [("1.drop_rate", 0.3)]


def test_technique_05_dropout_rate_is_none_that_is_measured_from_the_second_step_on():
    model = nn.Sequential(Attention(0.4))
    model[0].drop_share = 0.0

    def measure():
        model[0].drop_share = 0.7

    fact = regularization(model, n_steps=2, between=measure)
    assert [one.path for one in fact.dropout] == ["0.dropout"]
