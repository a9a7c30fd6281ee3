"""A training that goes on from a checkpoint takes the steps that the uninterrupted one took."""

from contextlib import suppress

import pytest
import torch
from checkpointed_training import ROWS, Stop, Training, light_run, ours, plain, workers
from torch.utils.data import IterableDataset

from repro.errors import CheckpointUnusable


def whole(make):
    with light_run() as run:
        training = Training(run, make)
        training.epochs()
    return training.losses, training.weights()


def killed(make, path, at):
    with light_run() as run, suppress(Stop):
        training = Training(run, make)
        training.epochs(path=path, at=at)
    return training.losses


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (ours, 7),
        (ours, 10),
        (ours, "end"),
        (plain, 7),
        pytest.param(workers, 7, marks=pytest.mark.slow),
        pytest.param(workers, "end", marks=pytest.mark.slow),
    ],
    ids=["middle", "last batch", "end", "plain middle", "workers middle", "workers end"],
)
def test_losses_and_weights_go_on_as_if_never_interrupted(tmp_path, make, at):
    losses, weights = whole(make)
    first = killed(make, tmp_path / "last.pt", at)
    with light_run() as run:
        training = Training(run, make)
        torch.rand(3)  # another program until here, as long as the generators come last
        state = training.load(tmp_path / "last.pt")
        training.epochs(state.epoch)
    assert [*first[: state.step], *training.losses] == losses
    assert_same_bits(training.weights(), weights)
    assert run.training.step == len(losses)


@pytest.mark.parametrize("at", [7, "end"])
def test_what_is_made_after_the_checkpoint_is_read_goes_on_too(tmp_path, at):
    losses, _ = whole(ours)
    killed(ours, tmp_path / "last.pt", at)
    with light_run() as run:
        training = Training(run, lambda run: None)
        del training.noise
        state = training.load(tmp_path / "last.pt")
        training.loader, training.noise = ours(run), run.generator("noise")
        training.epochs(state.epoch)
    assert training.losses == losses[state.step :]


def test_batches_that_were_drawn_are_passed_over_without_loading_them(tmp_path):
    killed(ours, tmp_path / "last.pt", 7)
    with light_run() as run:
        training = Training(run)
        training.load(tmp_path / "last.pt")
        next(iter(training.loader))
    assert len(training.loader.dataset.loaded) == 4


def test_writing_checkpoints_changes_nothing(tmp_path):
    losses, weights = whole(ours)
    with light_run() as run:
        training = Training(run)
        take = training.step

        def step(x, y):
            take(x, y)
            training.save(tmp_path / "last.pt")

        training.step = step
        training.epochs()
    assert training.losses == losses
    assert_same_bits(training.weights(), weights)


def test_gradients_that_wait_for_the_next_step_are_kept(tmp_path):
    def half(training):
        for x, y in list(training.loader)[:2]:
            training.loss(x, y).backward()

    with light_run() as run:
        training = Training(run)
        half(training)
        training.save(tmp_path / "last.pt")
        kept = [parameter.grad.clone() for parameter in training.model.parameters()]
    with light_run() as run:
        again = Training(run)
        again.load(tmp_path / "last.pt")
        found = [parameter.grad for parameter in again.model.parameters()]
    assert all(map(torch.equal, kept, found))


class Rows(IterableDataset):
    """Rows in a random order that comes out of a small buffer."""

    def __init__(self, draw):
        self.draw = draw

    def __iter__(self):
        buffer = list(ROWS[:5])
        for row in ROWS[5:]:
            index = self.draw(5)
            yield buffer[index], buffer[index].sum()
            buffer[index] = row


def test_an_iterable_goes_on_if_it_draws_from_a_generator_of_its_own(tmp_path):
    def stream(run):
        return run.dataloader(Rows(run.rng("buffer").integers), batch_size=3)

    losses, weights = whole(stream)
    killed(stream, tmp_path / "last.pt", 7)
    with light_run() as run:
        training = Training(run, stream)
        training.epochs(training.load(tmp_path / "last.pt").epoch)
    assert training.losses == losses[7:]
    assert_same_bits(training.weights(), weights)


def test_an_iterable_that_shares_a_generator_with_the_training_is_refused(tmp_path):
    def stream(run):
        return run.dataloader(Rows(lambda n: int(torch.randint(n, ()))), batch_size=3)

    killed(stream, tmp_path / "last.pt", 7)
    with light_run() as run:
        training = Training(run, stream)
        training.load(tmp_path / "last.pt")
        with pytest.raises(CheckpointUnusable) as caught:
            training.epochs()
    assert str(caught.value) == (
        "loader 'train' draws from torch batch by batch, and so does the training: the batches "
        "that follow cannot be repeated. Let the dataset or sampler draw from run.rng(name) or "
        "run.generator(name), and begin the epoch anew."
    )
