"""Row 7: random, Xavier, Kaiming, truncated normal, orthogonal, loaded."""

import math

import pytest
import torch
from torch import nn
from torch.nn import init
from torch.nn.utils import prune
from watched_training import facts, seen, step, watching

from repro.facts.initialization import Initialization
from repro.observe import loaded_file

IMAGES = torch.ones(2, 3, 8, 8)


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.Linear(64, 10),
    )


def set_weights(model, draw):
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw(module.weight)
    return model


def initialization(model, inputs=IMAGES, **options) -> Initialization:
    return seen(model, inputs, n_steps=1, **options)["initialization"]


def schemes(model, inputs=IMAGES) -> dict[str, str]:
    return {one.name: one.scheme for one in initialization(model, inputs).schemes}


@pytest.mark.parametrize("seed", range(20))
def test_technique_07_what_torch_does_by_itself_is_the_default_in_every_seed(seed):
    torch.manual_seed(seed)
    assert schemes(cnn()) == {
        "BatchNorm2d.bias": "zeros",
        "BatchNorm2d.weight": "ones",
        "Conv2d.bias": "random",
        "Conv2d.weight": "default",
        "Linear.bias": "random",
        "Linear.weight": "default",
    }


def cut_normal(weight, std):
    """As in JAX: of the wanted deviation after the cut, that of kaiming_normal(fan_in) here."""
    scale = std / 0.879626
    return init.trunc_normal_(weight, std=scale, a=-2 * scale, b=2 * scale)


DRAWS = {
    "kaiming_normal(fan_out)": lambda w: init.kaiming_normal_(w, mode="fan_out"),
    "kaiming_uniform(fan_in)": lambda w: init.kaiming_uniform_(w),
    "kaiming_uniform(fan_out)": lambda w: init.kaiming_uniform_(w, mode="fan_out"),
    "xavier_uniform": init.xavier_uniform_,
    "xavier_uniform(gain=relu)": lambda w: init.xavier_uniform_(w, gain=math.sqrt(2)),
    "lecun_normal": lambda w: init.kaiming_normal_(w, nonlinearity="linear"),
    "normal(0.02)": lambda w: init.normal_(w, std=0.02),
    "truncated_normal(0.02)": lambda w: init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04),
    "uniform(0.05)": lambda w: init.uniform_(w, -0.05, 0.05),
    "orthogonal": init.orthogonal_,
    "constant(0.1)": lambda w: init.constant_(w, 0.1),
    "zeros": init.zeros_,
    "normal": lambda w: init.normal_(w, std=0.037),
    "uniform": lambda w: init.uniform_(w, -0.31, 0.31),
    "truncated_normal": lambda w: cut_normal(w, math.sqrt(2 / w[0].numel())),
    "unknown": lambda w: init.uniform_(w, 0.0, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
def test_technique_07_a_scheme_is_told_by_shape_and_scale_in_every_seed(name):
    for seed in range(4):
        torch.manual_seed(seed)
        told = schemes(set_weights(cnn(), DRAWS[name]))
        assert (told["Conv2d.weight"], told["Linear.weight"]) == (name, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kaiming_normal(fan_in)", "xavier_normal"])
def test_technique_07_two_schemes_of_one_scale_are_told_apart_or_named_by_their_family(name):
    draw = init.xavier_normal_ if name == "xavier_normal" else init.kaiming_normal_
    for seed in range(8):
        torch.manual_seed(seed)
        told = schemes(set_weights(cnn(), draw))
        assert (told["Conv2d.weight"], told["Linear.weight"]) == (name, "normal")


@pytest.mark.parametrize("seed", range(20))
def test_technique_07_recurrent_and_attention_weights_are_told_in_every_seed(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Embedding(60, 32, padding_idx=0), nn.TransformerEncoderLayer(32, 4, 64), nn.LSTM(32, 16)
    )
    told = schemes(model, torch.ones(2, 3, dtype=torch.long))
    assert told["MultiheadAttention.in_proj_weight"] == "default"
    assert told["LSTM.weight_ih"] == told["LSTM.weight_hh"] == told["Linear.weight"] == "default"
    assert told["MultiheadAttention.in_proj_bias"] == "zeros"
    assert told["Embedding.weight"] == "default"


def test_technique_07_several_schemes_in_one_kind_of_layer_are_all_told():
    model = cnn()
    init.zeros_(model[-1].weight)
    assert schemes(model)["Linear.weight"] == "default + zeros"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_technique_07_rounded_weights_are_told_too(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64, dtype=dtype))
    assert schemes(model, torch.ones(2, 64, dtype=dtype))["Linear.weight"] == "default"


def test_technique_07_a_single_value_is_no_constant_and_two_seeds_of_a_regression_are_alike():
    told = []
    for seed in range(3):
        torch.manual_seed(seed)
        told.append(schemes(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))))
    assert told[0] == told[1] == told[2]
    assert told[0]["Linear.bias"] == "random"


def test_technique_07_of_few_values_nothing_is_claimed():
    fact = initialization(nn.Sequential(nn.Linear(3, 3, bias=False)), torch.ones(2, 3))
    assert [(one.name, one.scheme) for one in fact.schemes] == [("Linear.weight", "unknown")]
    assert fact.evidence[0].confidence == 0.0
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 22, bias=False))  # 440 values
    assert schemes(model, torch.ones(2, 20)) == {"Linear.weight": "unknown"}
    model = nn.Sequential(nn.Linear(40, 40, bias=False))  # 1,600 values
    cut_normal(model[0].weight, math.sqrt(2 / 40))
    assert schemes(model, torch.ones(2, 40)) == {"Linear.weight": "unknown"}
    assert initialization(cnn()).evidence[3].model_dump() == {
        "name": "Conv2d.weight",
        "n_tensors": 2,
        "n_values": 5040,
        "confidence": round(4608 / 5040, 4),
    }


def test_technique_07_weights_that_change_after_watch_are_those_before_the_first_step():
    torch.manual_seed(0)
    model = cnn()
    kept = initialization(model)
    assert kept.changed_after_watch is False
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        init.orthogonal_(model[6].weight)
        step(model, optimizer, IMAGES)
        fact = facts(training)["initialization"]
    assert fact.changed_after_watch is True
    assert {one.name: one.scheme for one in fact.schemes}["Linear.weight"] != "default"


def test_technique_07_the_digest_is_of_the_weights():
    def digest(seed):
        torch.manual_seed(seed)
        return initialization(cnn()).digest

    assert digest(0) == digest(0) != digest(1)


def test_technique_07_statistics_are_those_of_every_parameter_by_its_path():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
        model[0].bias.copy_(torch.tensor([-1.0, 1.0]))
    told = initialization(model, torch.ones(2, 2)).tensors
    assert {one.path: (one.mean, one.std, one.low, one.high) for one in told} == {
        "0.weight": (3.0, 1.87083, 1.0, 6.0),
        "0.bias": (0.0, 1.0, -1.0, 1.0),
        "1.weight": (1.0, 0.0, 1.0, 1.0),
        "1.bias": (0.0, 0.0, 0.0, 0.0),
    }


def test_technique_07_weights_of_a_second_model_stand_below_its_name():
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(3, 2, bias=False)
    with watching() as training:
        for model, size in ((first, 2), (second, 3)):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            training.watch(model, optimizer, None)
            step(model, optimizer, torch.ones(1, size))
        fact = facts(training)["initialization"]
    assert [one.path for one in fact.tensors] == ["weight", "Linear/weight"]


def test_technique_07_masked_weights_are_told_under_the_name_that_torch_gave():
    model = nn.Sequential(nn.Linear(64, 64, bias=False))
    prune.identity(model[0], "weight")
    assert schemes(model, torch.ones(2, 64)) == {"Linear.weight": "default"}


def test_technique_07_nothing_that_differs_between_seeds_is_compared():
    from repro.record import is_compared

    def compared(seed):
        torch.manual_seed(seed)
        flat = initialization(cnn()).flat()
        return {path: value for path, value in flat.items() if is_compared(path)}

    assert compared(0) == compared(1)


def test_technique_07_large_tensors_are_looked_at_in_part():
    model = nn.Sequential(nn.Linear(400, 400))
    fact = initialization(model, torch.ones(1, 400))
    assert 0.08 < fact.coverage < 0.12
    assert {one.name: one.scheme for one in fact.schemes}["Linear.weight"] == "default"


def test_technique_07_weights_that_do_not_lie_in_order_are_looked_at_as_if_they_did():
    torch.manual_seed(0)
    model = cnn()
    plain = initialization(model).digest
    torch.manual_seed(0)
    assert initialization(cnn().to(memory_format=torch.channels_last)).digest == plain


def test_technique_07_weights_that_were_set_after_watch_are_loaded():
    model, other = cnn(), cnn()
    state = other.state_dict()
    state.pop("7.weight")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        model.load_state_dict(state, strict=False)
        step(model, optimizer, IMAGES)
        told = {one.name: one.scheme for one in facts(training)["initialization"].schemes}
    assert told["Conv2d.weight"] == told["BatchNorm2d.weight"] == "loaded"
    assert told["Linear.weight"] == "default + loaded"


def test_technique_07_weights_from_a_file_are_loaded_even_if_they_were_set_before_watch(tmp_path):
    torch.save(cnn()[:6].state_dict(), tmp_path / "stage1.pt")
    file = loaded_file.read(tmp_path / "stage1.pt")
    model = cnn()
    model.load_state_dict(file.content, strict=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.audience.tell("loaded", file)
        training.watch(model, optimizer, None)
        step(model, optimizer, IMAGES)
        told = {one.name: one.scheme for one in facts(training)["initialization"].schemes}
    assert told["Conv2d.weight"] == told["Conv2d.bias"] == "loaded"
    assert told["Linear.weight"] == "default"
    assert told["BatchNorm2d.weight"] == "ones"  # as in any model: no sign of the file


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (64, 64)])
def test_technique_07_a_matrix_is_orthogonal_by_its_rows_or_by_its_columns(shape):
    model = nn.Sequential(nn.Linear(*shape, bias=False))
    init.orthogonal_(model[0].weight)
    assert schemes(model, torch.ones(2, shape[0])) == {"Linear.weight": "orthogonal"}


def test_technique_07_lazy_modules_are_told_as_what_they_became():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(64), nn.LazyLinear(10))
    fact = initialization(model, torch.ones(2, 32))
    assert {one.name: one.scheme for one in fact.schemes}["Linear.weight"] == "default"
    assert fact.changed_after_watch is False


def test_technique_07_without_a_step_it_does_not_apply():
    with watching() as training:
        training.watch(cnn(), None, None)
        assert facts(training)["initialization"].kind == "not_applicable"


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (init.kaiming_normal_, "kaiming_normal(fan_in)"),
        (init.kaiming_uniform_, "kaiming_uniform(fan_in)"),
        (init.xavier_normal_, "xavier_normal"),
    ],
)
def test_technique_07_of_schemes_that_are_one_for_a_square_weight_the_most_usual_is_named(
    draw, name
):
    torch.manual_seed(0)
    model = set_weights(nn.Sequential(nn.Linear(64, 64)), draw)
    assert schemes(model, torch.ones(2, 64))["Linear.weight"] == name
