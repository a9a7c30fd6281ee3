from collections import namedtuple

import pytest
import torch
from torch.utils.data import TensorDataset

from repro.observe.loader import CountedLoader, WatchedLoader, batch_size

X = torch.arange(10.0).reshape(5, 2)
Pair = namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (X, 5),
        (torch.tensor(1.0), 1),
        ((X, X[:, 0]), 5),
        ([X, X], 5),
        (Pair(X, X), 5),
        ({"input_ids": X, "labels": X[:, 0]}, 5),
        ({"meta": {"x": X}}, 5),
        ((("a", "b", "c"), X), 3),
        (["a", "b"], 2),
        ([1, 2, 3, 4], 4),
        ([], 0),
        ({}, 0),
        (object(), 1),
        (None, 1),
        (torch.nested.nested_tensor([X, X[:2]], layout=torch.strided), 2),
        (torch.nested.nested_tensor([X, X[:2]], layout=torch.jagged), 2),
    ],
)
def test_a_batch_of_any_kind_has_a_size(batch, size):
    assert batch_size(batch) == size


def test_each_batch_is_reported_in_the_moment_it_is_handed_out():
    sizes = []
    loader = CountedLoader(TensorDataset(X), batch_size=2)
    loader.on_batch = sizes.append
    seen = []
    for (x,) in loader:
        seen.append((len(x), list(sizes)))
    assert seen == [(2, [2]), (2, [2, 2]), (1, [2, 2, 1])]


class Shy:
    def __len__(self):
        raise RuntimeError("not now")


ENDLESS = [[]]
ENDLESS[0] = ENDLESS


@pytest.mark.parametrize("odd", [Shy(), {"x": Shy()}, ENDLESS], ids=["len", "inner", "endless"])
def test_a_batch_whose_size_nobody_can_tell_does_not_end_the_training(odd):
    sizes = []
    loader = WatchedLoader([X, odd, X])
    loader.on_batch = sizes.append
    assert len(list(loader)) == 3
    assert sizes == [5, 5]


def test_what_the_training_sets_on_a_watched_loader_reaches_the_loader():
    class Epochs:
        epoch = 0

        def __iter__(self):
            return iter([self.epoch])

    loader = WatchedLoader(Epochs())
    loader.epoch = 3
    assert list(loader) == [3]


def test_an_epoch_that_is_left_early_counts_what_was_used():
    sizes = []
    loader = CountedLoader(TensorDataset(X), batch_size=2)
    loader.on_batch = sizes.append
    next(iter(loader))
    assert sizes == [2]


def test_it_hands_out_the_batches_of_a_plain_loader():
    options = {"batch_size": 2, "shuffle": True}
    plain = torch.utils.data.DataLoader(
        TensorDataset(X), **options, generator=torch.Generator().manual_seed(0)
    )
    ours = CountedLoader(TensorDataset(X), **options, generator=torch.Generator().manual_seed(0))
    assert [x.tolist() for (x,) in ours] == [x.tolist() for (x,) in plain]
    assert len(ours) == len(plain)
