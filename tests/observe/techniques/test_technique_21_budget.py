"""Row 21: epochs, steps and samples, counted while training."""

from time import sleep

import pytest
import torch
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils.data import DataLoader, TensorDataset
from watched_training import step, watching

import repro
from repro.facts.budget import Budget
from repro.observe.data_book import DataBook
from repro.observe.feed import watched
from repro.record import is_compared, is_per_replicate

X, Y = torch.arange(24.0).reshape(12, 2) / 24, torch.ones(12, 1)
DATA = TensorDataset(X, Y)


@pytest.fixture
def training():
    with watching() as seen:
        yield seen


def started(training, *, is_watched=True):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    if is_watched:
        training.watch(model, optimizer, None)
    return model, optimizer


def fed(training, batch_size):
    return watched(DataLoader(DATA, batch_size=batch_size), "train", training, DataBook([]))


def budget(training, n_train=12) -> Budget:
    return training.budget(n_train=n_train, n_test_reads=0, wall_seconds=1.0)


def counted(fact):
    return fact.n_steps, fact.n_batches, fact.n_samples, fact.n_epochs


def test_technique_21_budget_is_that_of_the_batches_and_not_of_what_was_declared(training):
    model, optimizer = started(training)
    for _ in range(2):
        for x, _ in fed(training, 5):  # 5, 5 and 2 rows
            step(model, optimizer, x)
    for x in fed(training, 5):  # a third epoch that is given up
        step(model, optimizer, x[0])
        break
    assert counted(budget(training)) == (7, 7, 29, pytest.approx(29 / 12, abs=1e-6))


def test_technique_21_budget_counts_steps_apart_from_the_batches_they_are_made_of(training):
    model, optimizer = started(training)
    for number, (x, _) in enumerate(fed(training, 3)):
        model(x).mean().backward()
        if number % 2:
            optimizer.step()
            optimizer.zero_grad()
    assert counted(budget(training)) == (2, 4, 12, 1.0)


def test_technique_21_budget_without_a_loader_is_counted_at_the_model(training):
    model, optimizer = started(training)
    for x in (X[:4], X[4:9]):
        step(model, optimizer, x)
    assert counted(budget(training)) == (2, 2, 9, 0.75)


def test_technique_21_budget_without_known_training_rows_has_no_epochs(training):
    model, optimizer = started(training)
    step(model, optimizer, X)
    assert counted(budget(training, n_train=None)) == (1, 1, 12, None)


def test_technique_21_budget_of_steps_whose_batches_nobody_saw(training):
    training.hook_optimizers()
    model, optimizer = started(training, is_watched=False)
    step(model, optimizer, X)
    assert counted(budget(training)) == (1, None, None, None)


def test_technique_21_budget_of_no_training_is_nothing_to_count(training):
    assert counted(budget(training)) == (None, None, None, None)


def test_technique_21_budget_counts_the_samples_of_all_processes(training):
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=3)
    try:
        model, optimizer = started(training)
        step(model, optimizer, X[:4])
        assert counted(budget(training)) == (1, 1, 12, 1.0)
    finally:
        torch.distributed.destroy_process_group()


def test_technique_21_budget_leaves_out_an_evaluation_on_the_training_rows(training):
    model, optimizer = started(training)
    loader = fed(training, 3)
    for _ in range(2):
        model.train()
        for x, _ in loader:
            step(model, optimizer, x)
        model.eval()
        with torch.no_grad():
            for x, _ in loader:
                model(x)
    assert counted(budget(training)) == (8, 8, 24, 2.0)
    assert training.batching().effective == 3


def test_technique_21_budget_counts_a_batch_that_a_teacher_sees_before(training):
    model, optimizer = started(training)
    for x, _ in fed(training, 3):
        with torch.no_grad():
            model(x)
        step(model, optimizer, x)
    assert budget(training).n_samples == 12


def test_technique_21_budget_counts_the_batches_of_several_loaders(training):
    model, optimizer = started(training)
    for loader in (fed(training, 3), fed(training, 6)):
        for x, _ in loader:
            step(model, optimizer, x)
    assert training.batch_sizes == {3: 4, 6: 2}
    assert budget(training).n_epochs == 2.0


def test_technique_21_budget_without_a_watched_model_counts_every_batch(training):
    model, optimizer = started(training, is_watched=False)
    for x, _ in fed(training, 3):
        step(model, optimizer, x)
    assert training.batch_sizes == {3: 4}
    assert counted(budget(training)) == (4, 4, 12, 1.0)


def test_technique_21_budget_keeps_what_the_run_counted_itself(training):
    found = training.budget(n_train=None, n_test_reads=3, wall_seconds=1.23456)
    assert (found.n_test_reads, found.wall_seconds) == (3, 1.235)


def test_technique_21_budget_gates_a_comparison_by_its_samples_alone():
    compared = {path for path in repro.facts.budget.EXAMPLE.flat() if is_compared(path)}
    assert compared == {"budget.n_samples", "budget.n_test_reads"}
    assert is_per_replicate("budget.n_samples")


@pytest.mark.slow
def test_technique_21_budget_of_a_run_holds_its_duration_and_looks_at_the_test_set(project):
    with repro.tracked_run(seed=0, quiet=True) as run:
        run.log_data(train=(X, Y))
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        run.watch(model, optimizer)
        for x, _ in run.dataloader(DATA, batch_size=4, shuffle=True):
            step(model, optimizer, x)
        sleep(0.05)
        for on in ("valid", "test", "test"):
            run.score(f"{on}/mse", lambda a, b: float(((a - b) ** 2).mean()), Y, Y, on=on)
    found = project.record(run.run_id).find(Budget)
    assert counted(found) == (3, 3, 12, 1.0)
    assert found.n_test_reads == 2
    assert 0.05 < found.wall_seconds < 60
