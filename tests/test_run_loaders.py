"""Loaders that were made elsewhere, in a run."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from watched_training import step, watching

import repro
from repro.errors import UsageError
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.cleaning import Cleaning
from repro.facts.loss import Loss
from repro.facts.sampling import Sampling
from repro.facts.topology import Topology
from repro.facts.transforms import Transforms
from repro.observe.data_book import DataBook
from repro.observe.feed import watched

X = torch.arange(80.0).reshape(40, 2)
Y = (X.sum(1) > 80).float()
DATA = TensorDataset(X, Y)


def train(run, loader, *, epochs=2):
    model, loss_fn = torch.nn.Linear(2, 1), torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    run.watch(model, optimizer, loss=loss_fn)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss_fn(model(x).squeeze(1), y).backward()
            optimizer.step()


@pytest.mark.slow
def test_a_loader_made_elsewhere_is_counted_and_observed_as_ours(project):
    plain = DataLoader(DATA, batch_size=8, shuffle=True, drop_last=True)
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=(X, Y))
        train(run, run.watch_loader(plain))
        list(run.watch_loader(DataLoader(DATA, batch_size=8), role="test"))
    record = project.record(run.run_id)
    batching, budget = record.find(Batching), record.find(Budget)
    assert (batching.micro, batching.observed_from) == (8, "loader")
    assert (batching.shuffle, batching.drop_last, batching.n_workers) == (True, True, 0)
    assert (budget.n_steps, budget.n_samples, budget.n_epochs) == (10, 80, 2.0)
    assert record.find(Sampling).roles[0].reorders is True
    assert [role.role for role in record.find(Transforms).roles] == ["train", "test"]
    assert record.find(Loss).flat()["loss.reduction"] == "sum"
    assert record.find(Topology).seconds_per_step > 0
    assert record.find(Cleaning).roles[0].scaling == "raw"


@pytest.mark.slow
def test_a_loader_of_ours_is_observed_by_role(project):
    with repro.tracked_run(seed=0) as run:
        train(run, run.dataloader(DATA, batch_size=8, shuffle=True))
        list(run.dataloader(DATA, role="valid", batch_size=8))
    train_role, valid_role = project.record(run.run_id).find(Sampling).roles
    assert (train_role.generator, train_role.reorders) == ("own", True)
    assert (valid_role.role, valid_role.is_reorder_seen) == ("valid", False)


@pytest.mark.parametrize(
    ("sampler", "shuffles"),
    [
        (torch.utils.data.RandomSampler(DATA), True),
        (torch.utils.data.SequentialSampler(DATA), False),
        (torch.utils.data.DistributedSampler(DATA, 2, 0, shuffle=False), False),
        (torch.utils.data.DistributedSampler(DATA, 2, 0), True),
    ],
    ids=["random", "sequential", "parts in order", "parts shuffled"],
)
def test_a_batch_sampler_of_ones_own_is_asked_whether_it_shuffles(sampler, shuffles):
    batches = torch.utils.data.BatchSampler(sampler, 8, True)
    with watching() as training:
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
        loader = DataLoader(DATA, batch_sampler=batches)
        for x, _ in watched(loader, "train", training, DataBook([])):
            step(model, optimizer, x)
        assert training.batching().shuffle is shuffles


@pytest.mark.slow
def test_what_has_no_batches_is_refused(project):
    with (
        repro.tracked_run(seed=0) as run,
        pytest.raises(UsageError) as refused,
    ):
        run.watch_loader(DATA.tensors[0].sum)
    assert str(refused.value) == (
        "watch_loader got a builtin_function_or_method, which has no batches. "
        "Pass a DataLoader, or whatever `for batch in loader` can go through."
    )
