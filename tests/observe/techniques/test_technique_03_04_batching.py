"""Rows 3 and 4: batch size and gradient accumulation, counted from what happened."""

import pytest
import torch
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils.checkpoint import checkpoint
from torch.utils.data import TensorDataset

from repro.determinism import seeded_loader
from repro.facts.fact import Absent
from repro.observe.loader import CountedLoader
from repro.observe.training import Training

X, Y = torch.arange(24.0).reshape(12, 2) / 24, torch.ones(12, 1)


@pytest.fixture
def training():
    seen = Training(lambda: True)
    yield seen
    seen.unhook()


def watched(training, model=None, **settings):
    model = torch.nn.Linear(2, 1) if model is None else model
    optimizer = torch.optim.SGD(model.parameters(), **{"lr": 0.01, **settings})
    training.watch(model, optimizer, None)
    return model, optimizer


def our_loader(training, batch_size, **options):
    loader = seeded_loader(
        TensorDataset(X, Y),
        seed=0,
        role="train",
        loader_class=CountedLoader,
        batch_size=batch_size,
        **options,
    )
    loader.on_batch = training.saw_batch
    training.feeds(loader)
    return loader


def loss(model, x=X, y=Y):
    return torch.nn.functional.mse_loss(model(x), y)


def counted(training):
    seen = training.batching()
    return seen.micro, seen.accumulation, seen.effective, seen.backwards


def test_technique_04_accumulation_makes_a_larger_effective_batch(training):
    model, optimizer = watched(training)
    for _ in range(2):
        for number, (x, y) in enumerate(our_loader(training, 3)):
            (loss(model, x, y) / 2).backward()
            if number % 2:
                optimizer.step()
                optimizer.zero_grad()
    assert counted(training) == (3, 2, 6, 2)


def test_technique_04_accumulation_is_counted_at_the_forward_as_well(training):
    model, optimizer = watched(training)
    for _ in range(3):
        for rows in (X[:3], X[3:6], X[6:9]):
            loss(model, rows, Y[:3]).backward()
        optimizer.step()
    assert counted(training) == (3, 3, 9, 3)


def test_technique_04_accumulation_is_not_two_losses_of_one_batch(training):
    model, optimizer = watched(training)
    for x in (X[:4], X[4:8], X[8:]):
        out = model(x)
        out.mean().backward(retain_graph=True)
        out.square().mean().backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 2)


def test_technique_04_accumulation_is_not_a_second_look_at_the_same_batch(training):
    """As sharpness-aware minimization and methods with an adversary take it."""
    model, optimizer = watched(training)
    for x in (X[:4], X[4:8], X[8:]):
        loss(model, x, Y[:4]).backward()
        loss(model, x, Y[:4]).backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 2)


def test_technique_04_accumulation_is_not_what_a_closure_evaluates(training):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
    training.watch(model, optimizer, None)

    for x in (X[:6], X[6:]):

        def closure(x=x):
            optimizer.zero_grad()
            value = loss(model, x, Y[:6])
            value.backward()
            return value

        optimizer.step(closure)
    micro, accumulation, effective, backwards = counted(training)
    assert (micro, accumulation, effective) == (6, 1, 6)
    assert backwards > 2


def test_technique_04_accumulation_of_a_buffer_that_is_refilled_is_seen(training):
    model, optimizer = watched(training)
    buffer = torch.zeros(4, 2)
    for _ in range(2):
        for x in (X[:4], X[4:8]):
            buffer.copy_(x)
            loss(model, buffer, Y[:4]).backward()
        optimizer.step()
    assert counted(training) == (4, 2, 8, 2)


class Checkpointed(torch.nn.Module):
    """Two layers that share their weights, recomputed in the backward pass."""

    def __init__(self, use_reentrant):
        super().__init__()
        self.use_reentrant = use_reentrant
        self.stem = torch.nn.Linear(2, 2)
        self.frozen = torch.nn.Linear(2, 2).requires_grad_(False)
        self.head = torch.nn.Linear(2, 1)

    def forward(self, x):
        for _ in range(2):
            x = checkpoint(self.stem, self.frozen(x), use_reentrant=self.use_reentrant)
        return self.head(x)


def test_technique_04_accumulation_with_checkpointing_and_shared_and_frozen_weights(training):
    model, optimizer = watched(training, Checkpointed(use_reentrant=False))
    for x in (X[:4], X[4:8]):
        loss(model, x, Y[:4]).backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, (False, False, 0)),
        ({"shuffle": True}, (True, False, 0)),
        ({"drop_last": True}, (False, True, 0)),
    ],
)
def test_technique_03_batch_is_the_most_frequent_of_those_seen(training, options, told):
    model, optimizer = watched(training)
    for x, y in our_loader(training, 5, **options):
        loss(model, x, y).backward()
        optimizer.step()
    seen = training.batching()
    assert (seen.micro, seen.effective, seen.world, seen.observed_from) == (5, 5, 1, "loader")
    assert (seen.shuffle, seen.drop_last, seen.n_workers) == told
    assert training.batch_sizes == ({5: 2} if told[1] else {5: 2, 2: 1})


def test_technique_03_batch_is_made_by_workers(training):
    model, optimizer = watched(training)
    our_loader(training, 5, num_workers=2)  # which are only started for a first batch
    training.saw_batch(5)
    loss(model, X[:5], Y[:5]).backward()
    optimizer.step()
    assert training.batching().n_workers == 2


def test_technique_03_batch_that_no_loader_gives_is_told_by_the_input_of_the_model(training):
    model, optimizer = watched(training)
    for rows in (X[:5], X[5:10], X[10:]):
        loss(model, rows, Y[: len(rows)]).backward()
        optimizer.step()
    seen = training.batching()
    assert (seen.micro, seen.observed_from, training.batch_sizes) == (5, "forward", {5: 2, 2: 1})
    assert (seen.shuffle, seen.drop_last, seen.n_workers) == (None, None, None)


def test_technique_03_batch_that_nobody_showed_is_not_recorded(training):
    training.hook_optimizers()
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    assert training.batching().kind == "not_applicable"
    loss(model).backward()
    optimizer.step()
    assert training.batching() == Absent(
        reason="no batch was seen: run.watch(model, optimizer) or run.dataloader(dataset)",
        kind="not_recorded",
    )


def test_technique_03_batch_of_lazily_built_layers_is_counted(training):
    model = torch.nn.Sequential(torch.nn.LazyLinear(3), torch.nn.LazyLinear(1))
    model, optimizer = watched(training, model)
    for x in (X[:4], X[4:8]):
        loss(model, x, Y[:4]).backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 1)
    assert training.optimizer().n_parameters == 13


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_technique_03_batch_of_a_compiled_model_is_counted(training, backend):
    compiled = torch.compile(torch.nn.Linear(2, 1), backend=backend, fullgraph=True)
    model, optimizer = watched(training, compiled)
    for x in (X[:4], X[4:8]):
        loss(model, x, Y[:4]).backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 1)
    torch.compiler.reset()


@pytest.mark.slow
def test_technique_03_batch_of_a_model_that_is_compiled_later_is_unknown_and_disturbs_nothing(
    training,
):
    model, optimizer = watched(training)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    loss(compiled).backward()
    optimizer.step()
    assert training.batching().kind == "not_recorded"
    torch.compiler.reset()


def test_technique_04_accumulation_counts_the_samples_of_every_process(training):
    """A group of two, of which the other one is pretended by torch."""
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        model, optimizer = watched(training)
        for x in (X[:3], X[3:6]):
            loss(model, x, Y[:3]).backward()
        optimizer.step()
        seen = training.batching()
        assert (seen.micro, seen.accumulation, seen.world, seen.effective) == (3, 2, 2, 12)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_technique_04_accumulation_in_a_distributed_training(training, tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
        model, optimizer = watched(training, model)
        for _ in range(2):
            with model.no_sync():
                loss(model, X[:4], Y[:4]).backward()
            loss(model, X[4:8], Y[:4]).backward()
            optimizer.step()
        assert counted(training) == (4, 2, 8, 2)
    finally:
        torch.distributed.destroy_process_group()


def test_technique_03_batch_of_a_model_that_replaces_another_counts_from_then_on(training):
    model, optimizer = watched(training)
    loss(model, X[:4], Y[:4]).backward()
    optimizer.step()
    second, other = watched(training, momentum=0.9)
    for _ in range(2):
        loss(second).backward()
        other.step()
    assert counted(training) == (12, 1, 12, 1)
    assert not model._forward_pre_hooks
    seen = training.optimizer()
    assert (seen.name, seen.n_replaced, training.n_steps) == ("SGD+SGD", 1, 3)


def test_technique_03_batch_of_an_optimizer_that_replaces_another_counts_from_then_on(training):
    model, optimizer = watched(training)
    loss(model, X[:4], Y[:4]).backward()
    optimizer.step()
    model, other = watched(training, model, momentum=0.9)  # a second phase, say
    for _ in range(2):
        training.watch(model, other, None)
        loss(model).backward()
        other.step()
    assert counted(training) == (12, 1, 12, 1)
    assert (training.n_steps, training.optimizer().n_replaced) == (3, 1)


def test_technique_03_batch_of_two_models_that_are_watched_in_turns_is_that_of_the_first(training):
    generator, first = watched(training)
    critic, second = watched(training)
    for _ in range(3):
        loss(critic, X[:4], Y[:4]).backward()
        second.step()
        loss(generator).backward()
        first.step()
        training.watch(generator, first, None)
        training.watch(critic, second, None)
    assert counted(training) == (12, 1, 12, 1)
    assert (training.n_steps, training.optimizer().n_replaced) == (3, 0)


def test_technique_04_accumulation_is_not_two_views_of_one_batch(training):
    model, optimizer = watched(training)
    for rows in (X[:8], X[4:]):
        (model(rows[:4]) - model(rows[4:])).square().mean().backward()
        optimizer.step()
    assert counted(training) == (4, 1, 4, 1)


def test_technique_04_accumulation_is_counted_of_batches_with_two_views_each(training):
    model, optimizer = watched(training)
    for _ in range(2):
        for rows in (X[:8], X[4:]):
            (model(rows[:4]) - model(rows[4:])).square().mean().backward()
        optimizer.step()
    assert counted(training) == (4, 2, 8, 2)


def test_technique_04_accumulation_is_not_a_list_that_is_made_of_a_loader(training):
    model, optimizer = watched(training)
    for x, y in list(our_loader(training, 3)):
        loss(model, x, y).backward()
        optimizer.step()
    assert counted(training) == (3, 1, 3, 1)


def test_technique_04_accumulation_is_not_a_look_at_the_loss_after_each_step(training):
    model, optimizer = watched(training)
    for x in (X[:3], X[3:6], X[6:9]):
        loss(model, x, Y[:3]).backward()
        optimizer.step()
        loss(model, X, Y)
    assert counted(training)[1:] == (1, 3, 1)
