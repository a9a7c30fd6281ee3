"""Row 13: the optimizers that stepped, with their settings resolved."""

import gc
import weakref

import pytest
import torch

from repro.facts.optimizer import Optimizer
from repro.observe.audience import Audience
from repro.observe.techniques.gradients import GradientsObserver
from repro.observe.techniques.precision import PrecisionObserver
from repro.observe.techniques.schedule import ScheduleObserver
from repro.observe.training import Training


@pytest.fixture
def training():
    seen = Training(lambda: True)
    seen.hook_optimizers()
    yield seen
    seen.unhook()


def parameter(n=1):
    made = torch.nn.Parameter(torch.ones(n))
    made.grad = torch.ones(n)
    return made


def settings(part):
    return {setting.name: setting.value for setting in part.settings}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (torch.optim.SGD, "nesterov", False),
        (torch.optim.Adam, "betas", "(0.9, 0.999)"),
        (torch.optim.AdamW, "weight_decay", 0.01),
        (torch.optim.RMSprop, "alpha", 0.99),
        (torch.optim.NAdam, "momentum_decay", 0.004),
    ],
)
def test_technique_13_optimizer_defaults_are_resolved(training, kind, name, value):
    kind([parameter()], lr=0.5).step()
    seen = training.optimizer()
    assert (seen.name, settings(seen)["lr"], settings(seen)[name]) == (kind.__name__, 0.5, value)


def test_technique_13_optimizer_with_a_closure_makes_one_step_a_call(training):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5)

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(3, 2)).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert training.n_steps == 3
    assert settings(training.optimizer())["max_iter"] == 5


class SharpnessAware(torch.optim.Optimizer):
    """A wrapper: its step climbs, and lets another optimizer step."""

    def __init__(self, base):
        super().__init__(base.param_groups, {"rho": 0.05})
        self.base = base

    def step(self, closure=None):
        self.base.step()


def test_technique_13_optimizer_inside_a_wrapper_is_told_and_counts_no_step_twice(training):
    optimizer = SharpnessAware(torch.optim.SGD([parameter()], lr=0.5))
    for _ in range(3):
        optimizer.step()
    seen = training.optimizer()
    assert (seen.name, training.n_steps, seen.n_parameters) == ("SharpnessAware+SGD", 3, 1)


def test_technique_13_optimizer_groups_have_names_and_may_come_later(training):
    groups = [{"params": [parameter(2)], "name": "backbone"}]
    optimizer = torch.optim.SGD(groups, lr=0.5)
    optimizer.step()
    optimizer.add_param_group({"params": [parameter(3)], "lr": 0.1, "name": "head"})
    optimizer.step()
    seen = training.optimizer()
    assert (seen.n_groups, seen.n_parameters) == (2, 5)
    flat = seen.flat()
    assert (flat["optimizer.name"], flat["optimizer.group_name"]) == ("SGD", "backbone")
    assert flat["optimizer.groups.1.group_name"] == "head"
    assert flat["optimizer.groups.1.lr"] == 0.1
    assert set(settings(seen.groups[0])) == {"group_name", "lr"}  # what differs


def test_technique_13_optimizer_with_named_parameters_has_no_names_among_its_settings(training):
    model = torch.nn.Linear(2, 1)
    for one in model.parameters():
        one.grad = torch.zeros_like(one)
    torch.optim.SGD(model.named_parameters(), lr=0.5).step()
    assert "param_names" not in settings(training.optimizer())


def test_technique_13_optimizer_flags_that_change_the_kernel_are_told(training):
    torch.optim.SGD([parameter()], lr=0.5, fused=True).step()
    assert settings(training.optimizer())["fused"] is True


def test_technique_13_optimizer_rate_is_the_highest_of_a_warm_up(training):
    optimizer = torch.optim.SGD([parameter()], lr=0.5)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4)
    for _ in range(8):
        optimizer.step()
        scheduler.step()
    assert settings(training.optimizer())["lr"] == 0.5


def test_technique_13_optimizer_rate_of_one_cycle_is_the_one_it_was_given(training):
    """Of 5 steps none is at the top."""
    optimizer = torch.optim.SGD([parameter()], lr=0.5)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=6, pct_start=0.4)
    reached = []
    for _ in range(5):
        reached.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert max(reached) < 0.29
    assert settings(training.optimizer())["lr"] == 0.3


def test_technique_13_optimizer_is_told_with_its_scheduler_but_not_where_that_stands(training):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    training.watch(model, optimizer, scheduler)
    told = []
    for _ in range(2):
        optimizer.step()
        scheduler.step()
        told.append(training.optimizer().scheduler)
    assert told == ["StepLR(gamma=0.5, step_size=3)"] * 2


def test_technique_13_optimizer_beside_another_is_told_with_the_parameters_of_both(training):
    for kind, n in ((torch.optim.Adam, 2), (torch.optim.SGD, 3)):
        kind([parameter(n)], lr=0.5).step()
    seen = training.optimizer()
    assert (seen.name, seen.n_parameters, seen.n_replaced) == ("Adam+SGD", 5, 0)


def test_technique_13_optimizer_that_takes_over_in_the_middle_is_told(training):
    model = torch.nn.Linear(2, 1)
    for kind in (torch.optim.Adam, torch.optim.SGD):
        optimizer = kind(model.parameters(), lr=0.5)
        training.watch(model, optimizer, None)
        optimizer.step()
    seen = training.optimizer()
    assert (seen.name, seen.n_replaced, seen.n_parameters) == ("Adam+SGD", 1, 3)
    assert training.n_steps == 2


def test_technique_13_optimizer_rate_that_is_a_tensor_is_told_as_a_number(training):
    torch.optim.Adam([parameter()], lr=torch.tensor(0.5)).step()
    assert settings(training.optimizer())["lr"] == 0.5


def test_technique_13_optimizer_that_made_no_step_is_told_as_it_was_watched(training):
    model = torch.nn.Linear(2, 1)
    training.watch(model, torch.optim.SGD(model.parameters(), lr=0.5), None)
    seen = training.optimizer()
    assert (seen.name, seen.n_parameters, settings(seen)["lr"]) == ("SGD", 3, 0.5)


def test_technique_13_optimizer_that_is_dropped_frees_its_parameters(training):
    kinds = (GradientsObserver, PrecisionObserver, ScheduleObserver)
    training.audience = Audience([kind() for kind in kinds])
    alive = []
    for _ in range(40):  # as one for every task of a meta-learning
        optimizer = torch.optim.SGD([parameter()], lr=0.5)
        alive.append(weakref.ref(optimizer))
        optimizer.step()
    del optimizer
    gc.collect()
    assert not any(one() for one in alive)
    seen = training.optimizer()
    assert (seen.name, seen.n_groups) == ("+".join(["SGD"] * 16), 16)


def test_technique_13_optimizer_of_an_older_record_loads(training):
    torch.optim.SGD([parameter()], lr=0.5).step()
    data = training.optimizer().model_dump()
    del data["n_replaced"]
    assert Optimizer.model_validate(Optimizer.upgrade(1, data)) == training.optimizer()
