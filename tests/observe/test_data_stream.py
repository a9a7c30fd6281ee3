import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

from repro.errors import UsageError
from repro.facts.fact import Absent
from repro.observe import datasets, stream
from repro.observe.data import look
from repro.observe.data_book import DataBook, is_stream
from repro.observe.loader import CountedLoader
from repro.observe.stream import Stream

X, Y = torch.arange(20.0).reshape(10, 2), torch.arange(10)


class Lines(IterableDataset):
    def __init__(self, items, n_passes=0):
        self.items, self.n_passes = items, n_passes

    def __iter__(self):
        self.n_passes += 1
        return iter(self.items)

    def __len__(self):
        return len(self.items)


PAIRS = list(zip(X, Y, strict=True))


def handed_out(items, *, batch_size=4, notes=None, **options):
    dataset = Lines(items)
    loader = CountedLoader(dataset, batch_size=batch_size, **options)
    loader.stream = Stream("train", dataset, [] if notes is None else notes)
    return loader


def test_to_log_a_stream_does_not_consume_it():
    lines, book = Lines(PAIRS), DataBook([])
    book.log({"train": lines}, group=None, time=None)
    assert lines.n_passes == 0
    assert book.at_end() == Absent(
        reason="run.dataloader(...) handed out nothing of train", kind="not_recorded"
    )


def test_without_data_the_call_that_is_missing_is_named():
    assert DataBook([]).at_end() == Absent(
        reason="it was not handed over: run.log_data(...)",
        kind="not_recorded",
    )


@pytest.mark.parametrize("batch_size", [1, 4, 100, None])
def test_the_rows_that_pass_are_those_of_their_arrays(batch_size):
    loader = handed_out(PAIRS, batch_size=batch_size)
    batches = list(loader)
    plain = list(torch.utils.data.DataLoader(Lines(PAIRS), batch_size=batch_size))
    assert all(torch.equal(*pair) for pair in zip(batches[-1], plain[-1], strict=True))
    if batch_size is None:
        return
    role, arrays = loader.stream.look().role, look("train", (X, Y), group=None, time=None).role
    assert (role.digest, role.rows_digest) == (arrays.digest, arrays.rows_digest)
    assert (role.schema_digest, role.n_columns) == (arrays.schema_digest, 3)
    assert (role.kind, role.reading, role.coverage, role.n_rows) == ("Lines", "seen", 0.0, 10)


def test_the_first_whole_pass_counts():
    loader = handed_out(PAIRS)
    next(iter(loader))  # a first look that is left early
    list(loader)
    once = loader.stream.look().role
    list(loader)
    next(iter(loader))
    assert loader.stream.look().role == once
    assert once.n_rows == 10


def test_a_pass_that_was_left_early_counts_if_no_other_follows():
    loader = handed_out(PAIRS)
    next(iter(loader))
    assert loader.stream.look().role.n_rows == 4


def test_no_more_rows_are_hashed_than_is_said(monkeypatch):
    monkeypatch.setattr(stream, "ROWS", 5)
    loader = handed_out(PAIRS)
    assert len(list(loader)) == 3
    assert loader.stream.look().role.n_rows == 8  # the batch that reaches it is the last


@pytest.mark.parametrize(
    "items",
    [
        [{"ids": x, "meta": {"y": y}} for x, y in PAIRS],
        [{"text": str(int(y)), "y": y} for _, y in PAIRS],
        [((x, y), y) for x, y in PAIRS],
        [float(y) for y in Y],
    ],
    ids=["nested", "text", "tuples", "numbers"],
)
def test_batches_of_any_kind_have_their_rows(items):
    notes = []
    loader = handed_out(items, notes=notes)
    list(loader)
    look = loader.stream.look()
    assert notes == []
    assert (look.role.n_rows, look.role.max_distinct_share) == (10, 1.0)


def test_what_cannot_be_hashed_passes_and_leaves_a_note():
    notes = []
    items = [1.0, object(), 2.0]  # the first one passes
    loader = handed_out(items, notes=notes, batch_size=1, collate_fn=lambda items: items)
    assert len(list(loader)) == 3
    assert loader.stream.look() is None
    assert notes == [
        "the rows of train are not recorded: UnsupportedData: a cell holds a object, "
        "which says nothing about its content. Hand over the values it stands for."
    ]


def test_data_that_are_known_are_not_looked_at_again():
    book = DataBook([])
    book.log({"train": X}, group=None, time=None)
    assert book.stream("train", Lines(PAIRS)) is None
    assert book.stream("test", torch.utils.data.TensorDataset(X)) is None
    assert book.stream("valid", Lines(PAIRS)) is book.stream("valid", Lines(PAIRS))


def test_the_number_of_rows_is_that_of_the_whole_and_of_a_stream_unknown(monkeypatch):
    monkeypatch.setattr(datasets, "ITEMS", 3)
    book = DataBook([])
    book.log({"train": Lines(PAIRS), "test": X, "valid": Items()}, group=None, time=None)
    assert (book.n_rows("train"), book.n_rows("test"), book.n_rows("valid")) == (None, 10, 7)


class Items(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return X[index]


def test_nothing_is_kept_of_a_call_that_is_refused():
    book = DataBook([])
    with pytest.raises(UsageError):
        book.log({"train": X, "test": X}, group="a", time=None)
    assert isinstance(book.at_end(), Absent)


def test_only_a_stream_is_consumed_by_looking_at_it():
    assert is_stream(Lines(PAIRS))
    assert not is_stream(torch.utils.data.TensorDataset(X))
    assert not is_stream([1])
