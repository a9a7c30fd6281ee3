import copy
from dataclasses import asdict
from functools import partial

import pytest
import torch
from torch import nn
from watched_training import facts, watching

import repro
from repro.errors import UsageError
from repro.facts.capacity import Capacity
from repro.facts.fact import Absent
from repro.facts.scores import Scores
from repro.observe.technique import Ending
from repro.observe.training import Training
from repro.probe import OverfitProbe

CE = nn.functional.cross_entropy


def batch(n=8):
    torch.manual_seed(3)
    return torch.randn(n, 1, 8, 8), torch.arange(n) % 4


def cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(576, 4),
    )


def lazy():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(4))


def transformer():
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    return nn.Sequential(nn.Flatten(1, 2), block, nn.Flatten(), nn.Linear(64, 4))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.LSTM(8, 16, num_layers=2, dropout=0.5, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, images):
        return self.head(self.rnn(images.squeeze(1))[0][:, -1])


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def trained(make, *, probe, optimizer=sgd, seed=7):
    """Everything that a training leaves, with or without a probe in the middle of it."""
    model, (x, y) = make(), batch()
    torch.manual_seed(seed)
    if make is not lazy:
        model(x)
    elif probe:
        repro.overfit_probe(model, (x, y), CE, steps=2)
    if make is lazy:
        model(x)
    learner = optimizer(model)

    def closure():
        learner.zero_grad()
        loss = CE(model(x), y)
        loss.backward()
        return loss

    for number in range(4):
        learner.step(closure)
        if probe and number == 1:
            repro.overfit_probe(model, (x, y), CE, steps=3)
    return {
        "weights": model.state_dict(),
        "gradients": [p.grad for p in model.parameters()],
        "optimizer": learner.state_dict(),
        "generator": torch.get_rng_state(),
        "modes": [module.training for module in model.modules()],
        "dropout": [getattr(module, "dropout", None) for module in model.modules()],
        "hooks": [len(module._forward_pre_hooks) for module in model.modules()],
        "flags": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
    }


def same(left, right):
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, nn.Module) or left == right


@pytest.mark.slow  # the first one waits for torch
@pytest.mark.parametrize("make", [cnn, lazy, transformer, Recurrent])
def test_technique_01_a_probe_changes_nothing_of_the_training(make):
    assert same(trained(make, probe=True), trained(make, probe=False))


def test_technique_01_a_probe_changes_nothing_of_a_training_with_lbfgs():
    lbfgs = partial(lambda model: torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3))
    plain, probed = (trained(transformer, probe=p, optimizer=lbfgs) for p in (False, True))
    assert same(plain, probed)


def test_technique_01_two_trainings_that_differ_would_be_noticed():
    assert not same(trained(cnn, probe=False), trained(cnn, probe=False, seed=8))


@pytest.mark.parametrize("make", [cnn, lazy, Recurrent])
def test_technique_01_a_model_that_is_large_enough_fits_the_batch(make):
    found = repro.overfit_probe(make(), batch(), CE, lr=1e-2)
    assert found.reached
    assert found.last_loss <= 0.05 * found.first_loss
    assert found.share_left == round(found.last_loss / found.first_loss, 4)
    assert 0 < found.n_steps < 300
    assert found.reason is None


def test_technique_01_a_model_without_capacity_does_not():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(4))

        def forward(self, images):
            return self.bias.expand(len(images), 4)

    found = repro.overfit_probe(Constant(), batch(), CE, steps=50)
    assert (found.reached, found.n_steps, found.reason) == (False, 50, None)
    assert found.share_left > 0.9


@pytest.mark.slow
def test_technique_01_a_loss_whose_floor_is_not_zero_is_judged_above_it():
    smooth = nn.CrossEntropyLoss(label_smoothing=0.2)
    ideal = torch.full((4, 4), 0.05) + 0.8 * torch.eye(4)
    floor = smooth(ideal.log(), torch.arange(4)).item()
    probed = partial(repro.overfit_probe, cnn(), batch(), smooth, lr=1e-2, steps=200)
    assert not probed().reached
    found = probed(floor=floor)
    assert found.reached
    assert found.n_steps < 200


def test_technique_01_a_regression_is_fitted_relative_to_its_first_loss():
    torch.manual_seed(0)
    data = torch.randn(6, 3), 1000 * torch.randn(6, 1)
    model = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 1))
    found = repro.overfit_probe(model, data, nn.functional.mse_loss, lr=0.3, steps=500)
    assert found.reached
    assert found.last_loss > 1


@pytest.mark.parametrize(
    ("loss_fn", "expected"),
    [
        (lambda o, t: CE(o, t) * float("nan"), (None, "the first loss is nan", 0)),
        (
            lambda o, t: CE(o, t) - 100,
            (None, "the first loss, -98.6, is below the floor, 0: pass floor=", 0),
        ),
        (lambda o, t: o, (None, "ValueError: only one element", 0)),
    ],
)
def test_technique_01_a_loss_that_tells_nothing_gives_a_reason(loss_fn, expected):
    found = repro.overfit_probe(cnn(), batch(), loss_fn)
    reached, reason, n_steps = expected
    assert (found.reached, found.n_steps) == (reached, n_steps)
    assert found.reason.startswith(reason[:20])


def test_technique_01_a_loss_that_becomes_infinite_is_not_fitted():
    factors = iter((1.0, 1.0, float("inf")))
    found = repro.overfit_probe(cnn(), batch(), lambda o, t: CE(o, t) * next(factors), lr=1e-6)
    assert (found.reached, found.n_steps) == (False, 2)
    assert found.reason == "the loss is inf in the end"


def test_technique_01_a_model_that_cannot_be_copied_gives_a_reason():
    model = cnn()
    model.made = model[0].weight * 2
    found = repro.overfit_probe(model, batch(), CE)
    assert (found.reached, found.n_steps) == (None, 0)
    assert "deepcopy" in found.reason


def test_technique_01_frozen_parameters_stay_and_a_frozen_model_gives_a_reason():
    model = cnn().requires_grad_(False)
    assert "no parameter of the model learns" in repro.overfit_probe(model, batch(), CE).reason
    model[5].requires_grad_(True)
    assert repro.overfit_probe(model, batch(), CE, lr=1e-2).reached


def test_technique_01_a_loss_that_reaches_the_real_model_leaves_its_gradients():
    model = cnn()
    found = repro.overfit_probe(
        model, batch(), lambda o, t: CE(o, t) + 1e-9 * model[5].weight.abs().sum(), steps=2
    )
    assert found.n_steps == 2
    assert all(p.grad is None for p in model.parameters())


def test_technique_01_it_works_inside_no_grad_inference_mode_and_autocast():
    plain = repro.overfit_probe(cnn(), batch(), CE, lr=1e-2)
    with torch.no_grad():
        assert repro.overfit_probe(cnn(), batch(), CE, lr=1e-2) == plain
    with torch.inference_mode():
        data = batch()
        assert repro.overfit_probe(cnn(), data, CE, lr=1e-2).reached
    with torch.autocast("cpu", torch.bfloat16):
        assert repro.overfit_probe(cnn(), batch(), CE, lr=1e-2) == plain


@pytest.mark.parametrize("make", [cnn, transformer, Recurrent])
def test_technique_01_dropout_is_off_and_the_mode_of_the_model_does_not_count(make):
    found = set()
    for seed, is_training in ((0, True), (1, True), (0, False)):
        model, data = make().train(is_training), batch()
        torch.manual_seed(seed)
        found.add(repro.overfit_probe(model, data, CE, steps=3))
    assert len(found) == 1


@pytest.mark.slow
def test_technique_01_a_compiled_model_is_probed_as_the_one_inside():
    plain = repro.overfit_probe(cnn(), batch(), CE, steps=3)
    compiled = torch.compile(cnn(), backend="eager")
    assert repro.overfit_probe(compiled, batch(), CE, steps=3) == plain


def test_technique_01_inputs_may_be_several_and_have_names():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, a, b):
            return self.layer(a + b)

    a, b, target = torch.ones(3, 2), torch.ones(3, 2), torch.zeros(3, 1)
    probe = partial(repro.overfit_probe, loss_fn=nn.functional.mse_loss, lr=0.05)
    torch.manual_seed(0)
    model = Sum()
    first = probe(model, ((a, b), target))
    assert first == probe(model, ({"a": a, "b": b}, target))
    assert first.reached


@pytest.mark.parametrize(
    ("given", "steps", "message"),
    [
        (
            torch.ones(2),
            1,
            "overfit_probe(batch=Tensor): pass the pair (inputs, targets).",
        ),
        (batch(), 0, "overfit_probe(steps=0): a probe makes at least one step."),
    ],
)
def test_technique_01_what_is_no_probe_is_refused(given, steps, message):
    with pytest.raises(UsageError) as refused:
        repro.overfit_probe(cnn(), given, CE, steps=steps)
    assert str(refused.value) == message


@pytest.mark.slow
def test_technique_01_an_active_run_records_the_probe_and_counts_none_of_its_steps(project):
    model = cnn()
    with repro.tracked_run(seed=0, quiet=True) as run:
        run.watch(model, sgd(model))
        found = repro.overfit_probe(model, batch(), CE, steps=5)
    record = project.record(run.run_id)
    (probe,) = record.find(Capacity).probes
    assert (probe.model, probe.n_steps, probe.first_loss) == ("Sequential", 5, found.first_loss)
    assert record.flat["budget.n_steps"] in (None, 0)
    assert record.flat["budget.n_batches"] is None


def test_technique_01_every_probe_is_recorded_whole():
    with watching() as training:
        results = [
            repro.overfit_probe(cnn(), batch(), CE, lr=1e-2),
            repro.overfit_probe(cnn(), batch(), CE, steps=6),
            repro.overfit_probe(cnn(), batch(), lambda o, t: CE(o, t) - 100),
        ]
        for result in results:
            training.audience.tell("probed", cnn(), result)
        probes = facts(training)["capacity"].probes
    assert [one.model for one in probes] == ["Sequential", "Sequential-2", "Sequential-3"]
    assert [one.reached for one in probes] == [True, False, None]
    assert [one.model_dump(exclude={"model"}) for one in probes] == list(map(asdict, results))


@pytest.mark.slow
def test_technique_01_the_last_scores_of_training_and_validation_are_kept(project):
    with repro.tracked_run(seed=0, quiet=True) as run:
        for step, (train, valid) in enumerate([(2.0, 2.1), (1.0, 1.5), (0.1, 1.9)]):
            run.log_metrics({"train/loss": train, "valid/loss": valid}, step)
    logged = project.record(run.run_id).find(Scores).logged
    assert {one.name: (one.last, one.last_step) for one in logged} == {
        "train/loss": (0.1, 2),
        "valid/loss": (1.9, 2),
    }


def test_technique_01_without_a_probe_a_training_says_how_to_get_one():
    def absent(n_steps):
        return Training(lambda: True).audience.facts(Ending(n_steps=n_steps))["capacity"]

    reason = "it was not probed: repro.overfit_probe(model, batch, loss_fn)"
    assert absent(3) == Absent(reason=reason, kind="not_recorded")
    assert absent(0).kind == "not_applicable"


def test_technique_01_the_result_is_frozen():
    result = OverfitProbe(reached=None)
    with pytest.raises(AttributeError):
        copy.copy(result).reached = True
