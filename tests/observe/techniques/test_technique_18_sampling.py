"""Row 18: shuffling."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from repro.facts.sampling import Sampling
from repro.observe.loader import WatchedLoader
from repro.observe.row_order import BATCHES, LABELLED_EVERY, LABELS, ROWS, Pass
from repro.observe.technique import Ending
from repro.observe.techniques.sampling import SamplingObserver
from repro.record import is_compared, is_per_replicate

X = torch.arange(400.0).reshape(200, 2)
Y = torch.arange(200) % 4
SORTED = torch.arange(200) // 50
DATA = TensorDataset(X, Y)


def told(loader, *, n_passes=2, role="train"):
    """What is recorded of a loader after some passes."""
    observer = SamplingObserver()
    observer.fed(loader, role)
    for _ in range(n_passes):
        run_through(observer, loader, role)
    (found,) = observer.at_end(Ending(n_steps=1)).roles
    return found


def run_through(observer, loader, role="train"):
    observer.began(loader, role)
    for batch in loader:
        observer.batch(batch, role)


def loader(data=DATA, batch_size=20, **options):
    return DataLoader(data, batch_size=batch_size, **options)


class Flipped(Dataset):
    """Changes every row at random."""

    def __init__(self, labels=Y):
        self.labels = labels

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index] + torch.rand(2), self.labels[index]


class HalfFlipped(Flipped):
    """Changes about half of the rows, as a flip at random does."""

    def __getitem__(self, index):
        return X[index] if torch.rand(()) < 0.5 else X[index].flip(0), self.labels[index]


@pytest.mark.parametrize(
    ("sampler", "draws", "generator", "reorders"),
    [
        (SequentialSampler(DATA), "each row once", None, False),
        (RandomSampler(DATA), "each row once", "global", True),
        (RandomSampler(DATA, replacement=True), "with replacement", "global", True),
        (RandomSampler(DATA, generator=torch.Generator()), "each row once", "own", True),
        (SubsetRandomSampler(range(10)), "each row once", "global", True),
        (WeightedRandomSampler([1.0] * 200, 200), "weighted", "global", True),
        (
            WeightedRandomSampler([1.0] * 200, 9, replacement=False),
            "weighted, each row once",
            "global",
            True,
        ),
        (DistributedSampler(DATA, num_replicas=2, rank=0), "each row once", None, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_technique_18_sampling_tells_what_the_sampler_draws(sampler, draws, generator, reorders):
    found = told(loader(sampler=sampler), n_passes=0)
    assert found.sampler == type(sampler).__name__
    assert (found.draws, found.generator) == (draws, generator)
    assert (found.reorders, found.is_reorder_seen) == (reorders, False)


def test_technique_18_sampling_weights_are_told_by_digest():
    one, same, other = (
        told(loader(sampler=WeightedRandomSampler(weights, 4))).weights_digest
        for weights in ([1.0, 2.0], [1.0, 2.0], [2.0, 1.0])
    )
    assert one == same != other
    assert told(loader()).weights_digest is None


def test_technique_18_sampling_by_a_generator_is_that_of_the_sampler():
    """The one of the loader seeds its workers, and the sampler that the loader makes."""
    seeded = {"generator": torch.Generator()}
    assert told(loader(shuffle=True, **seeded), n_passes=0).generator == "own"
    assert told(loader(shuffle=True), n_passes=0).generator == "global"
    orders = []
    for seed in (1, 2):
        torch.manual_seed(0)
        given = loader(sampler=RandomSampler(DATA), generator=torch.Generator().manual_seed(seed))
        found = told(given, n_passes=1)
        orders.append(found.first_order)
        assert found.generator == "global"
    assert orders[0] == orders[1]


def test_technique_18_sampling_of_a_role_is_that_of_its_first_loader():
    observer = SamplingObserver()
    observer.fed(loader(shuffle=True), "train")
    observer.fed(loader(), "train")
    (found,) = observer.at_end(Ending(n_steps=1)).roles
    assert found.sampler == "RandomSampler"


def test_technique_18_sampling_differs_between_seeds_in_nothing_that_is_compared():
    def flat(seed):
        """Seeds may draw other folds, and with them other weights."""
        drawn = torch.Generator().manual_seed(seed)
        sampler = WeightedRandomSampler(torch.rand(200, generator=drawn), 200, generator=drawn)
        return Sampling(roles=(told(loader(sampler=sampler)),)).flat()

    one, other = flat(0), flat(1)
    differing = {path for path in one if one[path] != other[path]}
    assert {"sampling.train.first_order", "sampling.train.second_order"} <= differing
    assert list(filter(is_compared, differing)) == ["sampling.train.weights_digest"]
    assert is_per_replicate("sampling.train.weights_digest")


def test_technique_18_sampling_of_ones_own_is_told_by_class():
    class Bucketed(BatchSampler):
        pass

    class Curriculum(SequentialSampler):
        pass

    found = told(DataLoader(DATA, batch_sampler=Bucketed(Curriculum(DATA), 4, False)))
    assert (found.sampler, found.draws) == ("Curriculum", "Curriculum")
    assert found.batch_sampler == "Bucketed"
    assert told(loader()).batch_sampler is None


@pytest.mark.parametrize("seed", range(10))
def test_technique_18_shuffling_gives_the_second_pass_another_order_whatever_the_seed(seed):
    found = told(loader(shuffle=True, generator=torch.Generator().manual_seed(seed)))
    assert (found.reorders, found.is_reorder_seen) == (True, True)
    assert found.first_order != found.second_order


def test_technique_18_shuffling_left_out_gives_every_pass_the_same_order():
    found = told(loader())
    assert (found.reorders, found.is_reorder_seen) == (False, True)
    assert found.first_order == found.second_order


def test_technique_18_shuffling_that_repeats_itself_is_seen():
    class Once(RandomSampler):
        """Draws one order for all passes."""

        def __iter__(self):
            return iter(torch.randperm(200, generator=torch.Generator().manual_seed(1)).tolist())

    sampler = DistributedSampler(DATA, num_replicas=2, rank=0)
    for repeated in (Once(DATA), sampler):
        found = told(loader(sampler=repeated))
        assert (found.reorders, found.is_reorder_seen) == (False, True)


def test_technique_18_shuffling_by_set_epoch_is_seen():
    observer = SamplingObserver()
    sampler = DistributedSampler(DATA, num_replicas=2, rank=0)
    batches = loader(sampler=sampler)
    observer.fed(batches, "train")
    for epoch in range(2):
        sampler.set_epoch(epoch)
        run_through(observer, batches)
    assert observer.at_end(Ending(n_steps=1)).roles[0].reorders is True


@pytest.mark.parametrize(
    ("shuffle", "is_set", "reorders"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_technique_18_shuffling_of_too_few_rows_to_see_follows_from_set_epoch(
    shuffle, is_set, reorders
):
    """Of the rows that a process gets, those of two passes are not the same."""
    observer = SamplingObserver()
    sampler = DistributedSampler(range(8), num_replicas=2, rank=0, shuffle=shuffle)
    batches = loader(TensorDataset(X[:8]), sampler=sampler)
    observer.fed(batches, "train")
    for epoch in range(2):
        if is_set:
            sampler.set_epoch(epoch)
        run_through(observer, batches)
    (found,) = observer.at_end(Ending(n_steps=1)).roles
    assert (found.reorders, found.is_reorder_seen) == (reorders, False)


@pytest.mark.parametrize(
    "data",
    [Flipped(), HalfFlipped(), HalfFlipped(labels=torch.zeros(200))],
    ids=["all", "half", "half, without labels"],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_technique_18_shuffling_is_told_apart_from_rows_that_augmentation_changes(data, shuffle):
    torch.manual_seed(0)
    found = told(loader(data, shuffle=shuffle))
    assert (found.reorders, found.is_reorder_seen) == (shuffle, True)


def test_technique_18_shuffling_that_cannot_be_seen_follows_from_the_sampler():
    unlabelled = Flipped(labels=torch.zeros(200))
    for shuffle in (True, False):
        found = told(loader(unlabelled, shuffle=shuffle))
        assert (found.reorders, found.is_reorder_seen) == (shuffle, False)
    tiny = told(loader(TensorDataset(X[:4]), shuffle=True))
    assert (tiny.reorders, tiny.is_reorder_seen) == (True, False)


@pytest.mark.slow
def test_technique_18_shuffling_of_a_long_pass_is_seen_though_few_rows_are_noted():
    many = TensorDataset(torch.arange(20_000.0).reshape(-1, 1), torch.arange(20_000) % 7)
    torch.manual_seed(0)
    assert told(loader(many, batch_size=2_000, shuffle=True)).is_reorder_seen is True


def test_technique_18_sampling_does_not_count_a_look_at_the_first_batch():
    observer, batches = SamplingObserver(), loader(batch_size=4)
    observer.fed(batches, "train")
    observer.began(batches, "train")
    observer.batch(next(iter(batches)), "train")
    for _ in range(2):
        run_through(observer, batches)
    (found,) = observer.at_end(Ending(n_steps=1)).roles
    assert found.reorders is False
    assert found == told(batches)


def test_technique_18_sampling_looks_at_two_passes_and_no_more():
    observer, batches = SamplingObserver(), loader(shuffle=True)
    observer.fed(batches, "train")
    for _ in range(2):
        run_through(observer, batches)
    before = observer.at_end(Ending(n_steps=1))
    run_through(observer, batches)
    assert observer.at_end(Ending(n_steps=1)) == before


def test_technique_18_sampling_gives_up_on_passes_that_say_nothing():
    observer, constant = SamplingObserver(), loader(TensorDataset(torch.ones(40, 2)))
    observer.fed(constant, "train")
    for _ in range(9):
        run_through(observer, constant)
    assert observer._roles["train"].current is None


def test_technique_18_sampling_sees_labels_until_the_end_of_a_long_pass():
    n = 4 * BATCHES * LABELLED_EVERY
    labels = torch.arange(n) // (n // 8)
    found = told(loader(TensorDataset(torch.arange(float(n)), labels), batch_size=8), n_passes=1)
    assert found.first_entropy == 0.0
    assert found.label_entropy == 3.0


def test_technique_18_sampling_of_sorted_labels_shows_in_the_first_batches():
    in_order, mixed = (
        told(loader(TensorDataset(X, SORTED), shuffle=shuffle)) for shuffle in (False, True)
    )
    assert (in_order.first_entropy, in_order.label_entropy) == (0.25, 2.0)
    assert mixed.first_entropy > 1.5
    assert told(loader(TensorDataset(X, X[:, 0]))).first_entropy is None  # numbers, no classes
    assert told(loader(TensorDataset(X))).first_entropy is None


@pytest.mark.parametrize(
    "batch",
    [
        (X[:9], Y[:9]),
        {"input_ids": X[:9], "labels": Y[:9]},
        ({"ids": X[:9]}, Y[:9]),
        [[X[:9], X[:9]], Y[:9]],
        (X[:9].numpy(), Y[:9].numpy()),
        ([f"text {index}" for index in range(9)], Y[:9].tolist()),
        (X[:9].bfloat16(), Y[:9]),
    ],
    ids=["pair", "dict", "nested dict", "nested list", "numpy", "texts", "bfloat16"],
)
def test_technique_18_sampling_reads_batches_of_any_shape(batch):
    noted = Pass()
    noted.saw(batch)
    assert len(set(noted.rows)) == ROWS
    assert noted.labels == [Y[:9].tolist()]


@pytest.mark.parametrize("batch", [None, 3, "text", [], {}, object(), torch.tensor(1.0), [[]]])
def test_technique_18_sampling_takes_a_batch_that_it_cannot_read_for_nothing(batch):
    noted = Pass()
    noted.saw(batch)
    assert noted.rows == []


def test_technique_18_sampling_notes_a_bounded_part_of_a_pass_and_changes_nothing():
    noted, x = Pass(), torch.rand(100, 3, 32, 32, requires_grad=True)
    before = x.detach().clone()
    for _ in range(BATCHES + 2 * LABELLED_EVERY):
        noted.saw((x, torch.arange(100)))
    assert len(noted.rows) == BATCHES * ROWS
    assert len(noted.labels) == BATCHES + 2
    assert len(noted.labels[0]) == LABELS
    assert torch.equal(x.detach(), before)
    assert x.grad is None


def test_technique_18_sampling_rarely_waits_for_a_device(monkeypatch):
    noted = Pass()
    rows = torch.empty(8, 2, device="meta")
    reads = []
    monkeypatch.setattr("repro.observe.row_order._row_hashes", lambda part: reads.append(1) or [])
    for _ in range(BATCHES):
        noted.saw((rows, None))
    assert len(reads) == 16


def test_technique_18_sampling_of_batches_that_a_generator_gives_shows_in_their_order():
    class Batches:
        def __iter__(self):
            order = np.random.default_rng(1).permutation(200)
            return iter([(X[rows], Y[rows]) for rows in np.split(order, 10)])

    found = told(WatchedLoader(Batches()))
    assert (found.sampler, found.draws, found.reorders) == (None, None, False)


def test_technique_18_sampling_of_a_stream_has_no_sampler():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(X)

    found = told(loader(Stream()))
    assert (found.draws, found.reorders) == (None, False)


def test_technique_18_sampling_without_a_loader_says_what_to_call():
    absent = SamplingObserver().at_end(Ending(n_steps=3))
    assert (absent.kind, "run.watch_loader" in absent.reason) == ("not_recorded", True)
    assert SamplingObserver().at_end(Ending(n_steps=0)).kind == "not_applicable"
