"""Watching loaders and losses leaves batches, weights and generators as they are."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from watched_training import facts, watching

from repro.facts.fact import Absent
from repro.observe.data_book import DataBook
from repro.observe.feed import watched
from repro.record import is_compared, is_per_replicate

INPUT_FACTS = ("transforms", "topology", "sampling", "loss")
FLAT = torch.rand(48, 12, generator=torch.Generator().manual_seed(0))


class Rows(Dataset):
    """Draws from the global generator for every item."""

    def __init__(self, shape):
        self.rows = FLAT.reshape(48, *shape)
        self.transform = self.flipped

    def __len__(self):
        return len(self.rows)

    def flipped(self, row):
        return row.flip(-1) if torch.rand(()) < 0.5 else row

    def __getitem__(self, index):
        return self.transform(self.rows[index]), index % 3


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.block(x).mean(dim=1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def cnn():
    return nn.Sequential(nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(24, 3))


def linear():
    return nn.Linear(12, 3)


def trained(build, shape, *, is_watched, optimizer=torch.optim.Adam, wrap=lambda model: model):
    """Weights after two epochs, the batches, and the next random number."""
    torch.manual_seed(0)
    model, batches = wrap(build()), []
    loader = DataLoader(Rows(shape), batch_size=8, shuffle=True)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
    steps = optimizer(model.parameters(), lr=0.01)
    with watching() as training:
        if is_watched:
            training.watch(model, steps, None, loss_fn)
            loader = watched(loader, "train", training, DataBook([]))
        for _ in range(2):
            for x, y in loader:
                batches.append(x)

                def closure(x=x, y=y):
                    steps.zero_grad()
                    loss = loss_fn(model(x).float(), y)
                    loss.backward()
                    return loss

                steps.step(closure)
        if is_watched:
            seen = facts(training)
            assert not {key: seen[key] for key in INPUT_FACTS if isinstance(seen[key], Absent)}
            assert training.n_steps == 12
            assert seen["sampling"].roles[0].is_reorder_seen is True
    return [*model.state_dict().values(), *batches, torch.rand(1)]


def same(build, shape, **options):
    plain = trained(build, shape, is_watched=False, **options)
    seen = trained(build, shape, is_watched=True, **options)
    return all(torch.equal(a, b) for a, b in zip(plain, seen, strict=True))


@pytest.mark.parametrize(
    ("build", "shape"),
    [(cnn, (1, 3, 4)), (Attending, (3, 4)), (Recurrent, (3, 4))],
    ids=["cnn", "transformer", "lstm"],
)
def test_weights_batches_and_random_numbers_are_the_same_bit_for_bit(build, shape):
    assert same(build, shape)


@pytest.mark.slow
def test_lbfgs_reaches_the_same_weights_on_watched_batches():
    assert same(linear, (12,), optimizer=torch.optim.LBFGS)


@pytest.mark.slow
def test_a_compiled_model_is_trained_on_the_same_batches():
    assert same(cnn, (1, 3, 4), wrap=lambda model: torch.compile(model, backend="eager"))


def test_a_model_spread_over_processes_is_trained_on_the_same_batches(tmp_path):
    place = f"file://{tmp_path}/group"
    torch.distributed.init_process_group("gloo", init_method=place, rank=0, world_size=1)
    try:
        assert same(cnn, (1, 3, 4), wrap=nn.parallel.DistributedDataParallel)
    finally:
        torch.distributed.destroy_process_group()


def test_half_precision_is_no_obstacle_to_the_loader_and_the_loss():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = cnn()

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return self.inner(x)

    assert same(Half, (1, 3, 4))


def test_a_watched_loader_is_the_loader_in_all_but_its_class():
    with watching() as training:
        loader = DataLoader(Rows((12,)), batch_size=8, shuffle=True)
        seen = watched(loader, "train", training, DataBook([]))
        assert len(seen) == len(loader) == 6
        assert seen.dataset is loader.dataset
        assert seen.sampler is loader.sampler
        assert watched(seen, "train", training, DataBook([])) is seen
        with pytest.raises(AttributeError, match="no_such_thing"):
            _ = seen.no_such_thing


def test_a_loader_of_ones_own_needs_nothing_but_batches():
    class Batches:
        def __iter__(self):
            yield from (FLAT[:8], FLAT[8:12])

    with watching() as training:
        loader = watched(Batches(), "train", training, DataBook([]))
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
        assert bool(loader)
        assert [len(batch) for batch in loader] == [8, 4]
        optimizer.step()
        with pytest.raises(TypeError):
            len(loader)
        assert training.batch_sizes == {8: 1, 4: 1}
        batching = training.batching()
    assert (batching.observed_from, batching.shuffle, batching.drop_last) == ("loader", None, None)


def test_a_list_of_batches_can_be_watched_as_often_as_one_likes():
    with watching() as training:
        loader = watched([FLAT[:8], FLAT[8:]], "train", training, DataBook([]))
        assert sum(1 for _ in range(3) for _ in loader) == 6
        (role,) = facts(training)["sampling"].roles
    assert role.reorders is False


def test_evaluation_batches_are_seen_and_not_counted():
    with watching() as training:
        list(watched(DataLoader(Rows((12,)), batch_size=8), "test", training, DataBook([])))
        assert training.batch_sizes == {}
        assert [role.role for role in facts(training)["sampling"].roles] == ["test"]


def test_a_stream_is_recorded_by_the_rows_that_a_watched_loader_hands_out():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(FLAT)

    book = DataBook([])
    with watching() as training:
        list(watched(DataLoader(Stream(), batch_size=8), "train", training, book))
    (role,) = book.at_end().roles
    assert (role.reading, role.n_rows) == ("seen", 48)


def test_a_batch_without_a_length_does_not_stop_the_training():
    with watching() as training:
        loader = watched([torch.tensor(1.0), None, object()], "train", training, DataBook([]))
        assert len(list(loader)) == 3


@pytest.mark.slow
def test_two_seeds_of_one_configuration_differ_in_nothing_that_is_compared():
    def flat(seed):
        torch.manual_seed(seed)
        model = cnn()
        optimizer = torch.optim.Adam(model.parameters())
        loss_fn = nn.CrossEntropyLoss(weight=torch.rand(3))  # from the rows of this seed
        with watching() as training:
            training.watch(model, optimizer, None, loss_fn)
            loader = DataLoader(Rows((1, 3, 4)), batch_size=8, shuffle=True)
            for _ in range(2):
                for x, y in watched(loader, "train", training, DataBook([])):
                    optimizer.zero_grad()
                    loss_fn(model(x), y).backward()
                    optimizer.step()
            seen = facts(training)
        pairs = (pair for key in INPUT_FACTS for pair in seen[key].flat().items())
        return {k: v for k, v in pairs if is_compared(k) and not is_per_replicate(k)}

    first = flat(0)
    assert "loss.weights.weight.n" in first
    assert all(flat(seed) == first for seed in range(1, 6))
