import sys

import pytest
import torch
from torch.utils.data import TensorDataset

from repro.determinism import seeded_loader
from repro.facts.fact import Absent
from repro.observe.loader import CountedLoader
from repro.observe.training import Training

X, Y = torch.arange(24.0).reshape(12, 2) / 24, torch.ones(12, 1)


@pytest.fixture
def training():
    """One run's training, current as long as the test lasts."""
    seen = Training(lambda: True)
    yield seen
    seen.unhook()


def our_loader(training, **options):
    loader = seeded_loader(
        TensorDataset(X, Y), seed=0, role="train", loader_class=CountedLoader, **options
    )
    loader.on_batch = training.saw_batch
    training.feeds(loader)
    return loader


def model_and(kind=torch.optim.SGD, **settings):
    model = torch.nn.Linear(2, 1)
    return model, kind(model.parameters(), **{"lr": 0.01, **settings})


def step(model, optimizer, x=X, y=Y):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()


def settings(part):
    return {setting.name: setting.value for setting in part.settings}


def budget(training, n_train=None):
    return training.budget(n_train=n_train, n_test_reads=0, wall_seconds=1.23456)


def test_steps_batches_samples_and_epochs_are_counted(training):
    model, optimizer = model_and()
    for _ in range(2):
        for x, y in our_loader(training, batch_size=4, shuffle=True, drop_last=True):
            step(model, optimizer, x, y)
    counted, batching = budget(training, n_train=12), training.batching()
    assert (counted.n_steps, counted.n_batches, counted.n_samples) == (6, 6, 24)
    assert (counted.n_epochs, counted.wall_seconds) == (2.0, 1.235)
    assert (batching.micro, batching.accumulation, batching.effective) == (4, 1, 4)
    assert (batching.shuffle, batching.drop_last, batching.n_workers) == (True, True, 0)


def test_without_anything_to_count_nothing_is_counted(training):
    counted = budget(training, n_train=12)
    assert (counted.n_steps, counted.n_batches, counted.n_samples, counted.n_epochs) == (None,) * 4


def test_a_step_that_a_gradient_scaler_skips_is_no_step(training):
    model, optimizer = model_and()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for number, (x, y) in enumerate(our_loader(training, batch_size=2)):
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss = loss * float("inf") if number == 1 else loss
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    assert (budget(training).n_steps, budget(training).n_batches) == (5, 6)
    assert (training.batching().accumulation, training.batching().effective) == (1, 2)


def test_of_several_optimizers_the_first_counts_the_steps_and_all_are_told(training):
    model, first = model_and(momentum=0.9)
    second = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3))], lr=0.5)
    second.param_groups[0]["params"][0].grad = torch.ones(3)
    for x, y in our_loader(training, batch_size=6):
        step(model, first, x, y)
        second.step()
        second.step()
    seen = training.optimizer()
    assert (budget(training).n_steps, training.batching().effective) == (2, 6)
    assert (seen.name, seen.n_groups, seen.n_parameters) == ("SGD+AdamW", 2, 6)
    assert (settings(seen)["lr"], settings(seen)["momentum"]) == (0.01, 0.9)
    (other,) = seen.groups
    assert (settings(other)["lr"], settings(other)["weight_decay"]) == (0.5, 0.01)


def test_a_closure_that_is_evaluated_often_is_one_step_on_one_batch_of_our_loader(training):
    model, optimizer = model_and(torch.optim.LBFGS, max_iter=4)
    training.watch(model, optimizer, None)
    evaluations = []
    for x, y in our_loader(training, batch_size=6):

        def closure(x=x, y=y):
            evaluations.append(1)
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)
    assert len(evaluations) > 2
    assert (budget(training).n_steps, budget(training).n_batches) == (2, 2)
    assert (training.batching().accumulation, training.batching().effective) == (1, 6)


def test_settings_are_those_of_the_first_step_before_a_scheduler_changed_them(training):
    model, optimizer = model_and(lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    training.watch(model, optimizer, scheduler)
    for _ in range(3):
        step(model, optimizer)
        scheduler.step()
    seen = training.optimizer()
    assert (settings(seen)["lr"], seen.scheduler) == (0.5, "StepLR(gamma=0.1, step_size=1)")
    assert optimizer.param_groups[0]["lr"] < 0.01


def test_an_optimizer_that_was_watched_and_never_stepped_is_told_all_the_same(training):
    model, optimizer = model_and(lr=0.5)
    training.watch(model, optimizer, None)
    assert settings(training.optimizer())["lr"] == 0.5
    assert budget(training).n_steps == 0


def test_a_learning_rate_in_a_tensor_is_a_number(training):
    model, optimizer = model_and(torch.optim.Adam, lr=torch.tensor(0.25))
    training.watch(model, optimizer, None)
    assert settings(training.optimizer())["lr"] == 0.25


def test_further_groups_are_told_where_they_differ(training):
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Linear(1, 1))
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.5}]
    training.watch(model, torch.optim.SGD(groups, lr=0.01), None)
    (group,) = training.optimizer().groups
    assert (group.index, settings(group)) == (1, {"lr": 0.5})


def test_batches_of_a_foreign_loader_are_counted_where_the_model_trains(training):
    model, optimizer = model_and()
    training.watch(model, optimizer, None)
    step(model, optimizer, X[:4], Y[:4])
    model.eval()
    model(X)
    model.train()
    with torch.no_grad():
        model(X)
    batching = training.batching()
    assert (batching.effective, batching.observed_from, batching.shuffle) == (4, "forward", None)
    assert budget(training).n_batches == 1


def test_a_model_called_by_keyword_is_counted_too(training):
    model, optimizer = model_and()
    training.watch(model, optimizer, None)
    torch.nn.functional.mse_loss(model(input=X), Y).backward()
    optimizer.step()
    assert training.batching().effective == 12


def test_a_model_that_is_watched_twice_is_counted_once(training):
    model, optimizer = model_and()
    training.watch(model, None, None)
    training.watch(model, optimizer, None)
    step(model, optimizer)
    assert (training.batching().accumulation, training.batching().effective) == (1, 12)


def test_of_two_watched_models_the_first_counts_the_batches_as_its_optimizer_counts_the_steps(
    training,
):
    generator, first = model_and()
    critic, second = model_and()
    training.watch(generator, first, None)
    training.watch(critic, second, None)
    for _ in range(2):
        step(critic, second)
        critic(X)
        step(generator, first)
    assert (budget(training).n_steps, training.batching().effective) == (2, 12)


def test_nested_runs_do_not_count_each_other():
    current = []
    outer, inner = (Training(lambda name=name: current[-1] == name) for name in ("outer", "inner"))
    model, optimizer = model_and()
    try:
        current.append("outer")
        outer.watch(model, optimizer, None)
        step(model, optimizer, X[:4], Y[:4])
        current.append("inner")
        inner.watch(model, optimizer, None)
        for _ in range(3):
            step(model, optimizer)
        current.pop()
        step(model, optimizer, X[:4], Y[:4])
    finally:
        inner.unhook(), outer.unhook()
    assert (budget(outer).n_steps, budget(outer).n_batches) == (2, 2)
    assert (budget(inner).n_steps, budget(inner).n_batches) == (3, 3)
    assert (outer.batching().effective, inner.batching().effective) == (4, 12)


def test_after_unhooking_nothing_is_seen_and_no_hook_is_left(training):
    from torch.optim import optimizer as hooks

    before = len(hooks._global_optimizer_pre_hooks), len(hooks._global_optimizer_post_hooks)
    model, optimizer = model_and()
    training.watch(model, optimizer, None)
    training.unhook()
    step(model, optimizer)
    assert budget(training).n_steps == 0
    assert not model._forward_pre_hooks
    assert before == (
        len(hooks._global_optimizer_pre_hooks),
        len(hooks._global_optimizer_post_hooks),
    )


def test_without_any_step_there_is_nothing_to_tell(training):
    expected = Absent(reason="no torch optimizer stepped in this run", kind="not_applicable")
    assert training.optimizer() == training.batching() == expected


def test_with_another_framework_loaded_it_is_unknown_not_inapplicable(training, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", sys)
    assert training.optimizer() == Absent(
        reason="no torch optimizer stepped in this run, but jax is loaded and cannot be observed",
        kind="not_recorded",
    )


def test_steps_without_a_watched_model_or_a_loader_of_ours_leave_the_batches_unknown(training):
    training.hook_optimizers()
    step(*model_and())
    assert budget(training).n_steps == 1
    assert training.batching() == Absent(
        reason="no batch was seen: run.watch(model, optimizer) or run.dataloader(dataset)",
        kind="not_recorded",
    )


@pytest.mark.parametrize(("shuffle", "expected"), [(True, True), (False, False)])
def test_it_is_told_whether_the_loader_shuffles(training, shuffle, expected):
    model, optimizer = model_and()
    for x, y in our_loader(training, batch_size=12, shuffle=shuffle):
        step(model, optimizer, x, y)
    assert training.batching().shuffle == expected


@pytest.mark.parametrize("kind", [torch.nn.Dropout, lambda: torch.nn.BatchNorm1d(2)])
def test_one_module_in_training_mode_is_training_mode(training, kind):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(kind()))
    training.watch(model, None, None)
    assert training.is_in_training_mode() is True
    model.eval()
    assert training.is_in_training_mode() is False
    model[1][0].train()
    assert training.is_in_training_mode() is True


def test_the_mode_is_that_of_the_users_model_not_of_a_wrapper(training):
    model = torch.nn.Linear(2, 1)
    training.watch(torch.nn.DataParallel(model), None, None)
    model.eval()
    assert training.is_in_training_mode() is False


def test_without_a_torch_model_there_is_no_mode(training):
    assert training.is_in_training_mode() is None
    training.watch(object(), None, None)
    assert training.is_in_training_mode() is None
