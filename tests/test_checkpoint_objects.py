"""What a `state_dict` leaves out goes on, too; objects that it does not fit are refused."""

import numpy as np
import pytest
import torch
from checkpointed_training import light_run

from repro.errors import CheckpointUnusable, UsageError

X = torch.linspace(-1, 1, 32).reshape(8, 4)
N_STEPS, AT = 8, 5


class Made:
    """A model, an optimizer, and what each case adds to them."""

    def __init__(self, model=None, outside=(), optimizer=None, every=1):
        torch.manual_seed(3)
        self.model = model or torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1))
        self.outside, self.every = [torch.nn.Parameter(one) for one in outside], every
        make = optimizer or (lambda parameters: torch.optim.SGD(parameters, lr=0.1))
        self.optimizer = make([*self.model.parameters(), *self.outside])
        self.objects = {"model": self.model, "optimizer": self.optimizer}

    def step(self, number):
        loss = (self.model(X) - X.sum(1, keepdim=True)).square().mean().float()
        (loss + sum(one.square().sum() for one in self.outside)).backward()
        if number % self.every == self.every - 1:
            self.optimizer.step()
            self.optimizer.zero_grad()

    def bits(self):
        return [*map(torch.Tensor.tolist, (*self.model.parameters(), *self.outside))]


def assert_goes_on(path, make, before=lambda made, number: None):
    """Eight steps are as five, a checkpoint, and three of other objects."""
    with light_run() as run:
        made = make()
        for number in range(N_STEPS):
            before(made, number)
            made.step(number)
            if number == AT - 1:
                run.checkpoint(path, **made.objects)
    with light_run() as run:
        again = make()
        run.load_checkpoint(path, **again.objects)
        for number in range(AT, N_STEPS):
            before(again, number)
            again.step(number)
    assert again.bits() == made.bits()


def refused(path, first, other):
    with light_run() as run:
        first.step(0)
        run.checkpoint(path, **first.objects)
        with pytest.raises(CheckpointUnusable) as caught:
            run.load_checkpoint(path, **other.objects)
    return str(caught.value)


class Unused(torch.nn.Module):
    """Its first parameter gets no gradient; its buffer is in no state."""

    def __init__(self):
        super().__init__()
        self.unused, self.linear = torch.nn.Linear(2, 2), torch.nn.Linear(4, 1)
        self.register_buffer("mean", torch.zeros(1), persistent=False)

    def forward(self, x):
        y = self.linear(x)
        self.mean.mul_(0.9).add_(y.detach().mean())
        return y - self.mean


class Master(torch.optim.Optimizer):
    """Keeps full precision of parameters that are in half of it."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    @torch.no_grad()
    def step(self, closure=None):
        for one in self.param_groups[0]["params"]:
            master = self.state[one].setdefault("master", one.detach().float().clone())
            one.copy_(master.sub_(one.grad.float(), alpha=0.003))


def test_gradients_and_buffers_that_no_state_holds_go_on(tmp_path):
    assert_goes_on(tmp_path / "last.pt", lambda: Made(Unused(), every=4))


def test_a_parameter_that_no_model_holds_goes_on(tmp_path):
    assert_goes_on(tmp_path / "last.pt", lambda: Made(outside=[torch.ones(2)]))


def test_state_of_more_precision_than_its_parameter_goes_on(tmp_path):
    def make():
        made = Made(torch.nn.Linear(4, 1, dtype=torch.bfloat16), optimizer=Master)
        made.model.register_forward_pre_hook(lambda _module, inputs: inputs[0].bfloat16())
        return made

    assert_goes_on(tmp_path / "last.pt", make)


def test_what_was_frozen_or_out_of_training_mode_is_so_again(tmp_path):
    def freeze(made, number):
        if number == 2:
            made.model[0].requires_grad_(False).eval()

    assert_goes_on(tmp_path / "last.pt", Made, freeze)


def test_parameters_of_another_type_and_another_optimizer_are_refused(tmp_path):
    def half():
        return Made(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)).half())

    assert refused(tmp_path / "last.pt", Made(), half()) == (
        "model.0.weight was torch.float32, now it is torch.float16. Build it as the run did; for "
        "the weights alone, read the file with run.load(path)['model']."
    )
    adam = Made(optimizer=torch.optim.AdamW)
    assert refused(tmp_path / "last.pt", Made(), adam) == (
        "optimizer was SGD, now it is AdamW. Make what it was."
    )


def test_an_object_that_does_not_take_its_state_is_named_by_the_key(tmp_path):
    class Forgetful(torch.nn.Linear):
        def load_state_dict(self, state, *arguments):
            return super().load_state_dict({**state, "bias": self.bias.data}, *arguments)

    first = Made(Forgetful(4, 1))
    assert refused(tmp_path / "last.pt", first, Made(Forgetful(4, 1))).startswith(
        "model.bias differs from the checkpoint, although it was just restored"
    )


def test_a_scheduler_that_is_watched_must_be_passed(tmp_path):
    made = Made()
    with light_run() as run:
        run.watch(made.model, made.optimizer, torch.optim.lr_scheduler.StepLR(made.optimizer, 1))
        with pytest.raises(UsageError) as caught:
            run.checkpoint(tmp_path / "last.pt", **made.objects)
    assert "watches a StepLR that was not passed" in str(caught.value)
    assert "Pass scheduler=" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_two_passes_over_one_loader_at_once_are_refused(tmp_path):
    with light_run() as run:
        loader = run.dataloader(torch.utils.data.TensorDataset(X), batch_size=2)
        for _both in zip(loader, loader, strict=True):
            with pytest.raises(CheckpointUnusable) as caught:
                run.checkpoint(tmp_path / "last.pt")
            break
        run.checkpoint(tmp_path / "last.pt")
    assert str(caught.value).startswith("2 passes over loader 'train' go on at once")


def test_the_state_of_a_second_generator_goes_not_to_the_first_of_its_name(tmp_path):
    with light_run() as run:
        run.rng("data").permutation(4)
        kept = run.rng("data")
        run.checkpoint(tmp_path / "last.pt")
    with light_run() as run:
        run.load_checkpoint(tmp_path / "last.pt")
        with pytest.raises(CheckpointUnusable) as caught:
            run.rng("data")
    assert kept is not None
    assert str(caught.value).startswith("rng/data was made several times, and the checkpoint holds")


class Own(torch.utils.data.TensorDataset):
    """Rows with noise from a generator of its own."""

    def __init__(self, rng):
        super().__init__(X)
        self.rng = rng

    def __getitem__(self, index):
        uniform = self.rng.random if hasattr(self.rng, "random") else self.rng.random_sample
        return X[index] + uniform()


@pytest.mark.parametrize(
    "make",
    [lambda: np.random.default_rng(3), lambda: np.random.RandomState(3)],
    ids=["generator", "random state"],
)
def test_generators_that_a_dataset_holds_go_on(tmp_path, make):
    with light_run() as run:
        batches = iter(run.dataloader(Own(make()), batch_size=2))
        next(batches)
        run.checkpoint(tmp_path / "last.pt")
        rest = [one.tolist() for one in batches]
    with light_run() as run:
        loader = run.dataloader(Own(make()), batch_size=2)
        run.load_checkpoint(tmp_path / "last.pt")
        assert [one.tolist() for one in loader] == rest
