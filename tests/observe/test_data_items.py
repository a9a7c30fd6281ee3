import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from repro.observe import datasets
from repro.observe.data import look
from repro.observe.datasets import items_table


class Items(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Noisy(Items):
    """Draws from every generator there is, and keeps what it drew."""

    def __init__(self, items):
        super().__init__(items)
        self.seen, self.cache, self.order = 0, {}, []
        self.own = [random.Random(0), np.random.default_rng(0), np.random.RandomState(0)]
        self.python, self.new, self.old = self.own
        self.torch = torch.Generator()
        self.transform = Shaky()

    def __getitem__(self, index):
        self.seen += 1
        self.order.append(index)
        self.python.random(), self.new.random(), self.old.rand()
        torch.rand(1, generator=self.torch)
        noise = random.random() + np.random.rand() + float(torch.rand(1))
        return self.cache.setdefault(index, self.transform(self.items[index]) + noise)


class Shaky:
    def __init__(self):
        self.calls = []

    def __call__(self, value):
        self.calls.append(value)
        return torch.tensor([value])


def state(noisy):
    return (
        *(noisy.seen, dict(noisy.cache), list(noisy.order), list(noisy.transform.calls)),
        *(noisy.python.getstate(), noisy.new.bit_generator.state["state"]["state"]),
        *(noisy.old.get_state()[2], noisy.torch.get_state().tolist()),
        *(random.getstate(), np.random.get_state()[2], torch.get_rng_state().tolist()),
    )


def digest(data):
    return look("train", data, group=None, time=None).role.rows_digest


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, range(3))])
def test_reading_leaves_generators_caches_and_counters_as_they_were(wrap):
    noisy = Noisy([1.0, 2.0, 3.0])
    before = state(noisy)
    items_table(wrap(noisy))
    assert state(noisy) == before


def test_items_augmented_at_random_are_the_same_rows_whatever_the_seed_and_their_place():
    torch.manual_seed(0)
    first = digest(Noisy([1.0, 2.0, 3.0]))
    torch.manual_seed(1)
    random.seed(1)
    assert digest(Noisy([3.0, 1.0, 2.0])) == first


@pytest.mark.parametrize(
    "items",
    [
        [torch.zeros(2), torch.zeros(3)],
        [torch.zeros(2, 3), torch.zeros(3, 2)],
        [(Image.new("L", (2, 3)), 0), (Image.new("L", (3, 2)), 1)],
        [{"image": Image.new("RGB", (2, 2)), "boxes": [1]}, {"image": None, "boxes": []}],
        [("a", 1), ("b", "c")],
        [(1, 2), (1,)],
    ],
    ids=["lengths", "shapes", "pictures", "dicts", "types", "parts"],
)
def test_items_of_different_shape_are_told_by_their_bytes(items):
    role = look("train", Items(items), group=None, time=None).role
    assert role.n_rows == 2
    assert role.max_distinct_share == 1.0
    assert digest(Items(items)) == digest(Items(items[::-1]))
    assert digest(Items(items)) != digest(Items([items[0], items[0]]))


def test_a_picture_is_told_by_the_colours_it_shows():
    red, blue = Image.new("P", (2, 2)), Image.new("P", (2, 2))
    red.putpalette([255, 0, 0])
    blue.putpalette([0, 0, 255])
    assert digest(Items([(red, 0)])) != digest(Items([(blue, 0)]))


def test_parts_of_tensors_one_after_another_are_one_table():
    x, y = torch.arange(12.0).reshape(6, 2), torch.arange(6)
    whole = TensorDataset(x, y)
    parts = ConcatDataset([TensorDataset(x[:2], y[:2]), Subset(whole, [2, 3, 4, 5])])
    assert digest(parts) == digest(whole)
    assert look("train", parts, group=None, time=None).role.kind == "TensorDataset"


def test_parts_of_other_columns_are_read_item_by_item():
    parts = ConcatDataset([TensorDataset(torch.zeros(2, 2)), TensorDataset(torch.zeros(1, 3))])
    role = look("train", parts, group=None, time=None).role
    assert (role.kind, role.n_rows, role.coverage) == ("ConcatDataset", 3, 1.0)


def test_no_more_is_read_than_can_be_held(monkeypatch):
    monkeypatch.setattr(datasets, "BYTES", 100)
    content, coverage = items_table(Items([torch.zeros(5)] * 50))  # of 20 bytes
    assert (content.n_rows, coverage) == (5, 0.1)
