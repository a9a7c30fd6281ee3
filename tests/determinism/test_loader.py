import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, get_worker_info

from repro.determinism.controlled import Controlled
from repro.determinism.loader import WorkerSeeds, seeded_loader
from repro.determinism.streams import SampleRng


class Augmented(Dataset):
    """Rows 0..7, each with one draw from each global generator."""

    def __len__(self):
        return 8

    def __getitem__(self, row):
        draws = [row, random.random(), np.random.random(), torch.rand(1).item()]
        return torch.tensor(draws, dtype=torch.float64)


class AugmentedBySample(Dataset):
    """Rows 0..7, each with a draw of its own generator, and whether the process is strict."""

    def __init__(self):
        self.rng = SampleRng(3)
        self.epoch = 0

    def __len__(self):
        return 8

    def __getitem__(self, row):
        strict = torch.are_deterministic_algorithms_enabled()
        return torch.tensor([row, self.rng(row, self.epoch).random(), strict], dtype=torch.float64)


class Echo(Dataset):
    """One row for each worker: what the user's own worker_init_fn left behind."""

    def __len__(self):
        return 2

    def __getitem__(self, row):
        return get_worker_info().dataset.left_behind


def leave_behind(worker_id):
    get_worker_info().dataset.left_behind = (worker_id, random.random())


def epochs(seed=1, role="train", n_epochs=2, **options):
    with Controlled(0):
        loader = seeded_loader(
            Augmented(), seed=seed, role=role, batch_size=2, shuffle=True, **options
        )
        return [torch.cat(list(loader)) for _ in range(n_epochs)]


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_same_seed_gives_the_same_order_and_the_same_augmentation(num_workers):
    first, again = (epochs(num_workers=num_workers) for _ in range(2))
    assert torch.equal(torch.stack(first), torch.stack(again))


@pytest.mark.slow
def test_workers_and_epochs_draw_different_numbers_from_every_generator():
    draws = torch.cat(epochs(num_workers=2))[:, 1:].flatten()
    assert len(draws.unique()) == len(draws) == 2 * 8 * 3


def test_order_changes_with_epoch_seed_and_role_but_not_with_the_workers_or_what_else_draws():
    def order(**changed):
        return [epoch[:, 0].tolist() for epoch in epochs(**changed)]

    same = order()
    assert same[0] != same[1]
    assert order(seed=2) != same
    assert order(role="test") != same
    loader = seeded_loader(Augmented(), seed=1, role="train", batch_size=2, shuffle=True)
    torch.rand(5)
    assert torch.cat(list(loader))[:, 0].tolist() == same[0]


@pytest.mark.slow
def test_the_order_does_not_depend_on_the_number_of_workers():
    in_process, in_workers = epochs(n_epochs=1), epochs(n_epochs=1, num_workers=2)
    assert torch.equal(in_process[0][:, 0], in_workers[0][:, 0])


def by_sample(num_workers, n_drawn):
    """Two epochs, of which the first one begins after some batches."""
    with Controlled(0, "off"):
        data = AugmentedBySample()
        loader = seeded_loader(data, seed=1, role="train", shuffle=True, num_workers=num_workers)
        epochs = []
        for data.epoch in range(2):
            epochs.append(torch.cat(list(loader)[n_drawn:]))
            n_drawn = 0
        return epochs


@pytest.mark.slow
def test_what_draws_by_sample_is_the_same_in_any_worker_and_after_a_resume_in_mid_epoch():
    here, in_workers, resumed = by_sample(0, 0), by_sample(2, 0), by_sample(2, 3)
    assert torch.equal(torch.stack(here)[..., :2], torch.stack(in_workers)[..., :2])
    assert torch.equal(resumed[0], in_workers[0][3:])
    assert len({draw for epoch in here for draw in epoch[:, 1].tolist()}) == 16
    assert not here[0][:, 2].any()
    assert in_workers[0][:, 2].all()  # as asked for the loader, not as it was here


def test_a_generator_of_the_users_own_is_used():
    mine = torch.Generator().manual_seed(9)
    assert seeded_loader(Augmented(), seed=1, role="train", generator=mine).generator is mine


@pytest.mark.slow
def test_a_worker_init_fn_of_the_users_own_runs_after_the_seeding():
    def left_behind():
        loader = seeded_loader(
            Echo(),
            seed=1,
            role="train",
            batch_size=None,
            num_workers=2,
            worker_init_fn=leave_behind,
        )
        return [tuple(row) for row in loader]

    first = left_behind()
    assert [worker_id for worker_id, _ in first] == [0, 1]
    assert first == left_behind()


def test_the_seeding_of_workers_can_be_sent_to_a_spawned_process():
    seeds = WorkerSeeds("train", then=leave_behind)
    assert pickle.loads(pickle.dumps(seeds)) == seeds


def test_workers_of_another_rank_draw_other_numbers_before_a_group_is_initialized(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "2")
    assert WorkerSeeds("train").rank == 2
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert WorkerSeeds("train").rank == 0
