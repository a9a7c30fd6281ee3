"""Row 26: gradient norm and clipping, seen at the gradients themselves."""

import pytest
import torch

from repro.observe.technique import Ending
from repro.observe.techniques.gradients import GradientsObserver
from repro.observe.training import Training
from repro.record import is_compared


@pytest.fixture
def training():
    seen = Training(lambda: True)
    yield seen
    seen.unhook()


def nothing(parameters):
    pass


def gradients(training, **params):
    return training.audience.facts(Ending(n_steps=training.n_steps, params=params))["gradients"]


def train(training, change=nothing, *, n_steps=40, seed=0, scale=1.0, **settings):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, **settings)
    training.watch(model, optimizer, None)
    for _ in range(n_steps):
        optimizer.zero_grad()
        x = torch.randn(8, 4, generator=generator) * scale
        model(x).square().mean().backward()
        change(list(model.parameters()))
        optimizer.step()
    return model


def norm_of(bound, **options):
    return lambda parameters: torch.nn.utils.clip_grad_norm_(parameters, bound, **options)


def test_technique_26_gradients_that_are_left_alone(training):
    train(training)
    fact = gradients(training)
    assert (fact.rewritten, fact.clipping, fact.clipped_at) == (False, None, None)
    assert (fact.n_sampled, len(fact.series), fact.n_non_finite) == (16, 16, 0)


def test_technique_26_gradients_norm_is_that_of_all_gradients_together(training):
    model = train(training, n_steps=1)
    (kept,) = gradients(training).series
    expected = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
    assert kept == (0, pytest.approx(expected, rel=1e-5))


@pytest.mark.parametrize("bound", [0.5, 1.0, 0.25])
@pytest.mark.parametrize("foreach", [True, False])
def test_technique_26_gradients_clipped_by_norm(training, bound, foreach):
    train(training, norm_of(bound, foreach=foreach))
    fact = gradients(training)
    assert (fact.rewritten, fact.clipping, fact.clipped_at) == (True, "norm", bound)
    assert fact.largest <= bound * (1 + 1e-5)
    norms = [norm for _, norm in fact.series]
    assert fact.at_bound == round(sum(norm >= bound * 0.9999 for norm in norms) / len(norms), 3) > 0


def test_technique_26_gradients_clipped_by_value(training):
    train(training, lambda parameters: torch.nn.utils.clip_grad_value_(parameters, 0.1))
    fact = gradients(training)
    assert (fact.rewritten, fact.clipping, fact.clipped_at) == (True, "value", 0.1)


def test_technique_26_gradients_clipped_by_value_in_some_tensors_alone(training):
    small, large = (torch.nn.Parameter(torch.zeros(n)) for n in (2, 3))
    optimizer = torch.optim.SGD([small, large], lr=0.1)
    training.watch(torch.nn.ParameterList([small, large]), optimizer, None)
    for number in range(20):
        optimizer.zero_grad()
        (small.sum() / 1000 + number * large.sum()).backward()
        torch.nn.utils.clip_grad_value_([small, large], 0.1)
        optimizer.step()
    assert (gradients(training).clipping, gradients(training).clipped_at) == ("value", 0.1)


def test_technique_26_gradients_with_a_bound_that_is_never_reached_are_rewritten_all_the_same(
    training,
):
    """So that seeds agree, whether they reach the bound or not."""
    train(training, norm_of(1e6))
    fact = gradients(training, max_grad_norm=1e6)
    assert (fact.rewritten, fact.clipping, fact.clipped_at) == (True, None, None)
    assert [(one.name, one.value) for one in fact.declared] == [("max_grad_norm", 1e6)]
    nested = gradients(training, **{"optimizer.grad_clip": 2.0, "lr": 0.1}).declared
    assert [(one.name, one.value) for one in nested] == [("optimizer.grad_clip", 2.0)]


def test_technique_26_gradients_of_one_norm_without_any_clipping_are_not_called_clipped(training):
    parameter = torch.nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    training.hook_optimizers()
    for _ in range(20):
        optimizer.zero_grad()
        parameter.sum().backward()  # the norm is 2, always
        optimizer.step()
    fact = gradients(training)
    assert (fact.rewritten, fact.clipped_at, fact.median) == (False, None, 2.0)


def test_technique_26_gradients_that_are_rewritten_once_were_rewritten(training):
    left = iter([norm_of(0.1)])
    train(training, lambda parameters: next(left, nothing)(parameters))
    fact = gradients(training)
    assert (fact.rewritten, fact.clipping) == (True, None)


def test_technique_26_gradients_are_those_of_the_first_optimizer(training):
    first, second = (torch.nn.Parameter(torch.zeros(n)) for n in (4, 9))
    training.hook_optimizers()
    for parameter in (first, second):
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        parameter.sum().backward()
        optimizer.step()
    fact = gradients(training)
    assert (fact.n_sampled, fact.median) == (1, 2.0)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_technique_26_gradients_that_are_accumulated_are_not_rewritten(training, set_to_none):
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    training.watch(model, optimizer, None)
    for _ in range(10):
        for _ in range(2):
            model(torch.ones(2, 4)).mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=set_to_none)
    assert gradients(training).rewritten is False


def test_technique_26_gradients_equal_what_is_compared_over_seeds(training):
    compared = []
    for seed in range(5):
        seen = Training(lambda: True)
        train(seen, norm_of(2.0), seed=seed, scale=0.3 + seed)
        flat = gradients(seen).flat()
        compared.append({path: value for path, value in flat.items() if is_compared(path)})
        seen.unhook()
    assert all(one == compared[0] for one in compared)
    assert compared[0] == {"gradients.rewritten": True}


@pytest.mark.parametrize("fused", [False, True])
def test_technique_26_gradients_are_told_without_the_scale_of_a_scaler(training, fused):
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, fused=fused)
    training.watch(model, optimizer, None)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for _ in range(3):
        optimizer.zero_grad()
        scaler.scale(model(torch.ones(1, 4)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    fact = gradients(training)
    assert (fact.median, fact.rewritten) == (pytest.approx(5**0.5, rel=1e-5), False)


def test_technique_26_gradients_that_explode_are_counted():
    observer = GradientsObserver()
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    for step in range(100):
        size = 1000.0 if step == 50 else float("nan") if step == 60 else 1 + step % 3
        parameter.grad = torch.full((1,), float(size))
        observer.sampled_step(optimizer, step)
    fact = observer.at_end(Ending(n_steps=100))
    assert (fact.n_sampled, fact.n_non_finite, fact.n_spikes) == (100, 1, 1)
    assert (fact.median, fact.largest) == (2.0, 1000.0)


def test_technique_26_gradients_of_a_long_run_are_kept_within_a_bound():
    observer = GradientsObserver()
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    parameter.grad = torch.ones(1)
    for step in range(2500):
        observer.sampled_step(optimizer, step)
    fact = observer.at_end(Ending(n_steps=2500))
    assert (fact.n_sampled, len(fact.series)) == (2500, 64)
    assert len(observer._samples) <= 1024
    assert fact.series[0] == (0, 1.0)
    assert fact.series[-1][0] > 2490


def test_technique_26_gradients_that_are_sparse_are_left_out_and_counted(training):
    model = torch.nn.Embedding(5, 2, sparse=True)
    head = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.1)
    training.watch(torch.nn.Sequential(model, head), optimizer, None)
    head(model(torch.tensor([1, 2]))).sum().backward()
    optimizer.step()
    fact = gradients(training)
    assert (fact.n_left_out, fact.n_sampled) == (1, 1)


def test_technique_26_gradients_of_lbfgs_do_not_fail(training):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    training.watch(model, optimizer, None)

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(3, 2)).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    fact = gradients(training)
    assert (fact.rewritten, fact.n_sampled) == (False, 2)  # none before the first closure


def test_technique_26_gradients_without_any_step_do_not_apply(training):
    assert gradients(training).kind == "not_applicable"


@pytest.mark.parametrize("bound", [0.125, 0.0125, 1 / 3, 1 / 7])
def test_technique_26_gradients_clipped_at_a_bound_of_more_digits_or_a_fraction(training, bound):
    train(training, norm_of(bound))
    assert gradients(training).clipped_at == float(f"{bound:.6g}")


def test_technique_26_gradients_that_reach_a_number_once_are_not_called_clipped(training):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    training.watch(torch.nn.ParameterList([parameter]), optimizer, None)
    for number in range(1, 11):
        optimizer.zero_grad()
        (parameter.sum() * number).backward()
        parameter.grad.mul_(0.5)
        optimizer.step()
    fact = gradients(training)
    assert (fact.rewritten, fact.largest, fact.clipping) == (True, 5.0, None)


def test_technique_26_gradients_that_pile_up_at_no_number_of_that_kind_are_not_called_clipped(
    training,
):
    train(training, norm_of(0.123456))
    assert gradients(training).clipped_at is None
