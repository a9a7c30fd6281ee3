"""Row 23: number formats, as seen inside the forward of the model."""

import pytest
import torch

from repro.facts.fact import Absent
from repro.observe.technique import Ending
from repro.observe.training import Training

X = torch.ones(4, 2)


@pytest.fixture
def training():
    seen = Training(lambda: True)
    seen.hook_optimizers()
    yield seen
    seen.unhook()


def net():
    return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))


def precision(training):
    return training.audience.facts(Ending(n_steps=training.n_steps))["precision"]


def autocast(training):
    return {phase.phase: phase.dtype for phase in precision(training).autocast}


def step(model, optimizer):
    model(X).float().sum().backward()
    optimizer.step()


def watched(training, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    training.watch(model, optimizer, None)
    return optimizer


def test_technique_23_precision_without_any_care_is_float32(training):
    model = net()
    step(model, watched(training, model))
    fact = precision(training)
    assert (fact.parameters, fact.gradients, fact.is_scaled) == ("float32", "float32", False)
    assert (fact.device, fact.n_skipped, autocast(training)) == ("cpu", None, {"train": "none"})


def test_technique_23_precision_of_training_and_evaluation_is_told_apart(training):
    model = net()
    optimizer = watched(training, model)
    with torch.autocast("cpu", torch.bfloat16):
        step(model, optimizer)
    model.eval()
    with torch.no_grad():
        model(X)
    assert autocast(training) == {"train": "bfloat16", "eval": "none"}


def test_technique_23_precision_without_gradients_is_that_of_an_evaluation(training):
    model = net()
    optimizer = watched(training, model)
    step(model, optimizer)
    with torch.no_grad(), torch.autocast("cpu", torch.float16):  # in training mode
        model(X)
    assert autocast(training) == {"train": "none", "eval": "float16"}


class Inside(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.net(x)


def test_technique_23_precision_is_seen_where_autocast_begins_inside_the_model(training):
    model = Inside()
    step(model, watched(training, model))
    assert autocast(training) == {"train": "bfloat16"}
    assert len(model.net[0]._forward_pre_hooks) >= 1
    training.unhook()
    assert not model.net[0]._forward_pre_hooks


def test_technique_23_precision_of_a_model_that_is_one_layer(training):
    model = torch.nn.Linear(2, 1)
    with torch.autocast("cpu", torch.bfloat16):
        step(model, watched(training, model))
    assert autocast(training) == {"train": "bfloat16"}


def test_technique_23_precision_of_parameters_that_are_mixed(training):
    model = net()
    model[0].to(torch.bfloat16)
    optimizer = watched(training, model)
    model[1](model[0](X.bfloat16()).float()).sum().backward()
    optimizer.step()
    fact = precision(training)
    assert fact.parameters == fact.gradients == "bfloat16+float32"


@pytest.mark.parametrize("fused", [False, True])
def test_technique_23_precision_with_a_scaler_counts_the_steps_it_skips(training, fused):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=fused)
    training.watch(model, optimizer, None)
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    for number in range(8):
        optimizer.zero_grad()
        loss = model(X).sum() * (float("inf") if number in (2, 3) else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    fact = precision(training)
    assert (fact.is_scaled, fact.first_scale, fact.last_scale) == (True, 16.0, 4.0)
    assert fact.n_skipped == 2


def test_technique_23_precision_of_a_model_that_is_only_evaluated(training):
    model = net().eval()
    training.watch(model, None, None)
    model(X)
    fact = precision(training)
    assert (fact.parameters, fact.gradients, autocast(training)) == (
        "float32",
        None,
        {"eval": "none"},
    )


def test_technique_23_precision_is_not_recorded_without_the_model(training):
    model = net()
    step(model, torch.optim.SGD(model.parameters(), lr=0.01))
    assert precision(training) == Absent(
        reason="the model was not handed over: run.watch(...)", kind="not_recorded"
    )


def test_technique_23_precision_does_not_apply_where_nothing_was_trained(training):
    assert precision(training).kind == "not_applicable"


def test_technique_23_precision_of_a_model_that_replaces_another(training):
    first, second = net(), net().double()
    step(first, watched(training, first))
    optimizer = watched(training, second)
    second(X.double()).sum().backward()
    optimizer.step()
    assert autocast(training) == {"train": "none"}
    assert not first[0]._forward_pre_hooks
    assert second[0]._forward_pre_hooks


@pytest.mark.slow
def test_technique_23_precision_leaves_a_compiled_model_in_one_graph(training):
    model = net()
    optimizer = watched(training, torch.compile(model, backend="eager", fullgraph=True))
    compiled = training._model
    with torch.autocast("cpu", torch.bfloat16):
        step(compiled, optimizer)
    assert autocast(training) == {"train": "bfloat16"}
    torch.compiler.reset()
