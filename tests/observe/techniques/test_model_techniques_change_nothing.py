"""Watching a training leaves its weights as they are, bit for bit, and its objects usable."""

import copy
import io
import os

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from watched_training import facts, step, watching

from repro.facts.fact import Absent

MODEL_FACTS = (
    "architecture",
    "compression",
    "initialization",
    "lineage",
    "normalization",
    "regularization",
)
IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(4, 5, 16, generator=torch.Generator().manual_seed(0))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Flatten(), nn.Linear(288, 2)
    )


def vectors():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))


def transformer():
    return nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)


def lstm():
    return nn.LSTM(16, 8, 2, dropout=0.2, batch_first=True)


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.norm = nn.Sequential(nn.Flatten(), nn.Linear(192, 8)), nn.BatchNorm1d(8)

    def forward(self, x):
        return checkpoint(lambda y: self.norm(self.body(y)), x, use_reentrant=False)


def trained(build, inputs, *, is_watched, optimizer=torch.optim.AdamW, n_steps=18, wrap=None):
    """State and next random number of a training of some steps."""
    torch.manual_seed(0)
    model = build()
    steps = optimizer(model.parameters(), lr=0.01)
    shown = wrap(model) if wrap else model
    with watching() as training:
        if is_watched:
            training.watch(shown, steps, None)
        for _ in range(n_steps):
            step(shown, steps, inputs)
        if is_watched:
            seen = facts(training)
            failed = {key: seen[key] for key in MODEL_FACTS if isinstance(seen[key], Absent)}
            assert not failed
    return [*model.state_dict().values(), torch.rand(1)]


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (cnn, IMAGES),
        (vectors, IMAGES),
        (transformer, TOKENS),
        (lstm, TOKENS),
        (Checkpointed, IMAGES),
    ],
    ids=["cnn", "vectors", "transformer", "lstm", "checkpointed"],
)
def test_weights_are_equal_bit_for_bit_with_and_without_watching(build, inputs):
    plain = trained(build, inputs, is_watched=False)
    watched = trained(build, inputs, is_watched=True)
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("build", [cnn, vectors])
def test_a_compiled_model_is_trained_to_the_same_weights(build):
    compiled = lambda model: torch.compile(model, backend="eager")  # noqa: E731
    torch._dynamo.reset()
    plain = trained(build, IMAGES, is_watched=False, wrap=compiled)
    torch._dynamo.reset()
    watched = trained(build, IMAGES, is_watched=True, wrap=compiled)
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


@pytest.mark.slow
def test_a_model_that_is_compiled_after_it_was_watched_trains():
    model = vectors()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch._dynamo.reset()
    with watching() as training:
        training.watch(model, optimizer, None)
        compiled = torch.compile(model, backend="eager")
        for _ in range(3):
            step(compiled, optimizer, IMAGES)
        assert facts(training)["normalization"].kinds[0].kind == "BatchNorm1d"


def lbfgs(*, is_watched):
    torch.manual_seed(0)
    model = vectors()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = model(IMAGES).square().mean()
        loss.backward()
        return loss

    with watching() as training:
        if is_watched:
            training.watch(model, optimizer, None)
        for _ in range(3):
            optimizer.step(closure)
        if is_watched:
            assert not isinstance(facts(training)["initialization"], Absent)
    return list(model.state_dict().values())


def test_lbfgs_reaches_the_same_weights():
    plain, watched = lbfgs(is_watched=False), lbfgs(is_watched=True)
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_half_precision_is_no_obstacle():
    def autocast(model):
        class Wrapped(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = model

            def forward(self, x):
                with torch.autocast("cpu", torch.bfloat16):
                    return self.inner(x)

        return Wrapped()

    plain = trained(vectors, IMAGES, is_watched=False, wrap=autocast)
    watched = trained(vectors, IMAGES, is_watched=True, wrap=autocast)
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


@pytest.mark.slow
def test_distributed_data_parallel_is_the_model_inside(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1
    )
    try:
        wrap = nn.parallel.DistributedDataParallel
        plain = trained(vectors, IMAGES, is_watched=False, wrap=wrap)
        watched = trained(vectors, IMAGES, is_watched=True, wrap=wrap)
    finally:
        torch.distributed.destroy_process_group()
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_a_watched_model_can_be_saved_whole_and_its_pickle_holds_nothing_of_ours():
    model, file = vectors(), io.BytesIO()
    with watching() as training:
        training.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), None)
        torch.save(model, file)
        assert model._forward_pre_hooks
    assert b"repro" not in file.getvalue().replace(os.getcwd().encode(), b"")
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded.eval()(IMAGES), model.eval()(IMAGES))


def test_a_copy_of_a_watched_model_is_not_watched():
    model = vectors()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        average = copy.deepcopy(model)
        average(IMAGES)
        assert training.batch_sizes == {}
        average.load_state_dict(vectors().state_dict())
        step(model, optimizer, IMAGES)
        assert facts(training)["lineage"].is_set_from_state is False


def test_a_model_without_parameters_and_one_with_integers_are_no_obstacle():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = nn.Parameter(torch.zeros(80, 2, dtype=torch.int8), requires_grad=False)
            self.z = nn.Parameter(torch.ones(2, dtype=torch.complex64))
            self.none = nn.Parameter(torch.empty(0, 3))
            self.fc = nn.Linear(192, 2)

        def forward(self, x):
            return self.fc(x.flatten(1))

    trained(Counts, IMAGES, is_watched=True, optimizer=torch.optim.SGD, n_steps=1)
    with watching() as training:
        training.watch(nn.Identity(), None, None)
        assert not isinstance(facts(training)["architecture"], Absent)
