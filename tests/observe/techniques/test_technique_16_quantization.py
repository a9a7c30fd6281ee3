"""Row 16: quantization."""

import warnings

import pytest
import torch
from torch import nn
from torch.ao import quantization
from watched_training import facts, mlp, seen, step, watching

X = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))


def after_training(change):
    """The facts of a network that is changed once it has been trained; a copy is watched, too."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is deprecated
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        with torch.no_grad():
            copy = change(model)
        if copy is not None:
            training.watch(copy, None, None)
        return facts(training)


def dynamic(model):
    return quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def static(model):
    """Calibrated on one batch, then converted."""
    wrapped = nn.Sequential(quantization.QuantStub(), model, quantization.DeQuantStub()).eval()
    wrapped.qconfig = quantization.get_default_qconfig("x86")
    prepared = quantization.prepare(wrapped)
    prepared(X)
    return quantization.convert(prepared)


def test_technique_16_quantization_of_a_network_of_floats_is_none():
    fact = seen(mlp(), X)["compression"]
    assert (fact.quantization, fact.quantized) == ("none", ())
    assert (fact.levels, fact.converted, fact.bits_per_value) == ((), (), 32.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (dynamic, {"quantized.dynamic.Linear": 2}),
        (static, {"quantized.DeQuantize": 1, "quantized.Linear": 2, "quantized.Quantize": 1}),
    ],
)
def test_technique_16_quantization_of_a_copy_that_is_watched_is_told(change, kinds):
    found = after_training(change)
    fact = found["compression"]
    assert fact.quantization == "converted"
    assert {one.kind: one.n for one in fact.quantized} == kinds
    assert fact.bits_per_value == 8.0
    architecture = found["architecture"]
    assert (architecture.n_parameters, [one.name for one in architecture.others]) == (
        340,
        ["Sequential"],
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_technique_16_quantization_aware_training_is_told():
    model = nn.Sequential(quantization.QuantStub(), nn.Linear(16, 4))
    model.qconfig = quantization.get_default_qat_qconfig("x86")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fact = seen(quantization.prepare_qat(model.train()), X)["compression"]
    assert fact.quantization == "aware"
    assert {"qat.Linear": 1, "FusedMovingAvgObsFakeQuantize": 3}.items() <= {
        one.kind: one.n for one in fact.quantized
    }.items()


def test_technique_16_quantization_to_two_or_three_values_is_told():
    def to_signs(model):
        model[0].weight.sign_()
        model[2].weight.copy_(model[2].weight.sign() * (model[2].weight.abs() > 0.1))

    fact = after_training(to_signs)["compression"]
    assert [(one.path, one.n) for one in fact.levels] == [("0.weight", 2), ("2.weight", 3)]
    assert (fact.quantization, fact.bits_per_value) == ("none", 32.0)


def test_technique_16_quantization_to_four_values_has_no_few_levels():
    def to_steps(model):
        model[0].weight.copy_((model[0].weight * 8).round().clamp(-1, 2))

    assert after_training(to_steps)["compression"].levels == ()


def test_technique_16_quantization_is_not_told_of_one_value_nor_of_few():
    model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 2))
    nn.init.constant_(model[0].weight, 0.5)
    nn.init.constant_(model[1].weight, 0.5)
    with torch.no_grad():
        model[1].weight[0] *= -1  # two values, and 32 in all
    model.requires_grad_(False)
    with watching() as training:
        training.watch(model, None, None)
        assert facts(training, n_steps=1)["compression"].levels == ()


@pytest.mark.parametrize(
    ("dtype", "bits"), [(torch.float16, 16.0), (torch.bfloat16, 16.0), (torch.float8_e4m3fn, 8.0)]
)
def test_technique_16_quantization_of_parameters_after_the_training_is_told(dtype, bits):
    def lose_bits(model):
        for one in model.parameters():
            one.data = one.data.to(dtype)

    fact = after_training(lose_bits)["compression"]
    name = str(dtype).removeprefix("torch.")
    assert (fact.converted, fact.bits_per_value) == ((f"float32 -> {name}",), bits)


def test_technique_16_quantization_of_some_parameters_is_told_by_the_bits_of_all():
    fact = after_training(lambda model: model[0].half() and None)["compression"]
    assert fact.converted == ("float32 -> float16",)
    assert fact.bits_per_value == round((272 * 16 + 68 * 32) / 340, 4)


def test_technique_16_quantization_gates_a_comparison_but_not_by_the_bits_that_follow_from_it():
    from repro.record import is_compared

    found = after_training(lambda model: model.half() and None)["compression"].flat()
    assert {"compression.converted", "compression.quantization"} <= set(filter(is_compared, found))
    assert not is_compared("compression.bits_per_value")
