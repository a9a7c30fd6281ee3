"""Row 6: L1 and L2; how strongly each parameter group decays, and whether by itself."""

import pytest
import torch
from torch import nn
from watched_training import facts, seen, step, watching

import repro
from repro.facts.optimizer import Optimizer
from repro.facts.regularization import Regularization

X = torch.ones(4, 3)


def decayed(model, groups):
    fact = seen(model, X, optimizer=torch.optim.AdamW(groups, lr=0.01))["regularization"]
    return fact.decayed_share, fact.decays_norms, fact.decays_biases


def test_technique_06_decay_of_everything_includes_norms_and_biases():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    assert decayed(model, model.parameters()) == (1.0, True, True)


def test_technique_06_decay_that_leaves_out_norms_and_biases_is_told_by_its_share():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    groups = [
        {"params": [model[0].weight], "weight_decay": 0.1},
        {"params": [model[0].bias, *model[1].parameters()], "weight_decay": 0.0},
    ]
    assert decayed(model, groups) == (0.5, False, False)


def test_technique_06_decay_that_is_none_says_nothing_about_norms():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    assert decayed(model, [{"params": model.parameters(), "weight_decay": 0.0}]) == (
        0.0,
        None,
        None,
    )
    assert decayed(nn.Linear(3, 3, bias=False), nn.Linear(3, 3).parameters())[1:] == (None, None)


def test_technique_06_decay_counts_frozen_parameters_out():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    groups = [
        {"params": list(model.parameters())[:3]},
        {"params": model[1].bias, "weight_decay": 0},
    ]
    assert decayed(model, groups)[0] == 0.75


def test_technique_06_declared_l1_is_told_and_other_names_with_l1_are_not():
    declared = {"l1_lambda": 1e-4, "loss.l1": 0.1, "l1_ratio": 0.5, "smooth_l1_loss": 1, "el1": 2}
    fact = seen(nn.Linear(3, 3), X, params=declared)["regularization"]
    assert [(one.name, one.value) for one in fact.l1] == [("l1_lambda", 1e-4), ("loss.l1", 0.1)]


def optimizer_fact(make) -> Optimizer:
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    with watching() as training:
        optimizer = make(model)
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        return training.optimizer()


@pytest.mark.parametrize(
    ("kind", "options", "is_decoupled"),
    [
        (torch.optim.Adam, {}, False),
        (torch.optim.Adam, {"decoupled_weight_decay": True}, True),
        (torch.optim.AdamW, {}, True),
        (torch.optim.NAdam, {}, False),
        (torch.optim.RAdam, {"decoupled_weight_decay": True}, True),
    ],
)
def test_technique_06_decay_is_told_to_be_decoupled_or_not(kind, options, is_decoupled):
    fact = optimizer_fact(lambda m: kind(m.parameters(), lr=0.01, weight_decay=0.1, **options))
    flat = fact.flat()
    assert (flat["optimizer.name"], flat["optimizer.weight_decay"]) == (kind.__name__, 0.1)
    assert flat["optimizer.decoupled_weight_decay"] is is_decoupled


def test_technique_06_decay_is_told_for_every_parameter_group():
    fact = optimizer_fact(
        lambda model: torch.optim.SGD(
            [
                {"params": [model[0].weight]},
                {"params": [model[0].bias], "weight_decay": 0.0},
                {"params": model[1].parameters(), "weight_decay": 0.5},
            ],
            lr=0.01,
            weight_decay=0.1,
        )
    )
    decays = {path: value for path, value in fact.flat().items() if "weight_decay" in path}
    assert decays == {
        "optimizer.weight_decay": 0.1,
        "optimizer.groups.1.weight_decay": 0.0,
        "optimizer.groups.2.weight_decay": 0.5,
    }


def test_technique_06_decay_of_a_group_that_comes_later_does_not_count_and_of_a_second_one_does():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    with watching() as training:
        first = torch.optim.SGD(model[0].parameters(), lr=0.01, weight_decay=0.1)
        second = torch.optim.SGD(model[1].parameters(), lr=0.01)
        training.watch(model, first, None)
        for optimizer in (first, second, first):
            step(model, optimizer, X)
        fact = facts(training)["regularization"]
    assert (fact.decayed_share, fact.decays_biases) == (0.5, None)


def test_technique_06_decay_is_equal_for_two_seeds():
    def build(seed):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
        return seen(model, X, optimizer=torch.optim.AdamW(model.parameters()))["regularization"]

    assert build(0) == build(1)


@pytest.mark.slow
def test_technique_06_declared_l1_of_a_run_is_in_its_record(project):
    with repro.tracked_run(seed=0, params={"l1_lambda": 1e-4, "lr": 0.1}) as run:
        model = nn.Linear(3, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
        run.watch(model, optimizer)
        step(model, optimizer, X)
    record = project.record(run.run_id)
    fact = record.find(Regularization)
    assert [(one.name, one.value) for one in fact.l1] == [("l1_lambda", 1e-4)]
    assert (fact.decayed_share, record.flat["optimizer.weight_decay"]) == (1.0, 0.01)
