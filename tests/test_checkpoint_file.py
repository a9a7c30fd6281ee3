"""Paths, values and files that are refused, and that a file that was good stays."""

from collections import Counter
from types import MappingProxyType

import pytest
import torch
from checkpointed_training import light_run

from repro.errors import CheckpointUnusable, UsageError


def refused(path, **told):
    with light_run() as run, pytest.raises(UsageError) as caught:
        run.checkpoint(path, **told)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("path", [None, 3, b"a.pt", "", ".", "a\0b.pt"])
def test_what_is_no_path_of_a_file_is_named(path):
    assert refused(path).endswith("Pass the path of a file, such as 'last.pt'.")


def test_a_path_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "last.pt").endswith("Pass another path.")
    assert "File name too long" in refused("a" * 300 + ".pt")


@pytest.mark.parametrize("epoch", ["last", 2.0, True, 2**63])
def test_an_epoch_that_is_no_number_leaves_the_file_before(tmp_path, epoch):
    path = tmp_path / "last.pt"
    with light_run() as run:
        run.checkpoint(path, epoch=3)
    before = path.read_bytes()
    assert "epoch must be None or an int below 2**63" in refused(path, epoch=epoch)
    assert path.read_bytes() == before


X = torch.zeros(1, 2)


class Labelled(torch.Tensor):
    """A subclass that a reader does not know."""


CYCLE = {}
CYCLE["again"] = CYCLE


@pytest.mark.parametrize(
    "value",
    [Counter("aab"), MappingProxyType({}), CYCLE, 10**5000, torch.ones(2).as_subclass(Labelled)],
    ids=["counter", "proxy", "cycle", "number", "tensor"],
)
def test_an_extra_that_does_not_come_back_is_named_and_the_file_before_stays(tmp_path, value):
    path = tmp_path / "last.pt"
    with light_run() as run:
        run.checkpoint(path)
    before = path.read_bytes()
    assert "extra.best" in refused(path, extra={"best": value})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    with light_run() as run:
        run.checkpoint(path)

    def full(content, draft):
        draft.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    before = path.read_bytes()
    assert refused(path).endswith(
        "cannot be written: No space left on device. Free space on the disk, or pass another path."
    )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def emptied(content):
    content["optimizer"]["state"] = {}


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda content: content.pop("step"), "it has no step"),
        (lambda content: content.update(step=-5), "step is -5"),
        (lambda content: content.update(repro=[]), "repro is a list"),
        (lambda content: content["repro"].update(generators={}), "it has no repro.generators."),
        (lambda content: content["repro"].update(loaders={"train": [{}]}), "repro.loaders.train"),
        (lambda content: content["repro"]["generators"].update(torch=X), "generator torch"),
        (emptied, "optimizer has "),
    ],
)
def test_a_file_that_was_edited_is_refused_by_the_entry(tmp_path, edit, named):
    path = tmp_path / "last.pt"
    linear = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(linear.parameters())
    with light_run() as run:
        linear(X).sum().backward()
        optimizer.step()
        run.checkpoint(path, optimizer=optimizer)
    content = torch.load(path)
    edit(content)
    torch.save(content, path)
    with light_run("other") as run, pytest.raises(CheckpointUnusable, match=named):
        run.load_checkpoint(path, optimizer=optimizer)


def test_a_file_of_text_is_refused(tmp_path):
    (tmp_path / "last.pt").write_text("hello\n")
    with light_run() as run, pytest.raises(CheckpointUnusable) as caught:
        run.load_checkpoint(tmp_path / "last.pt")
    assert "it is cut off, or was not written by torch.save" in str(caught.value)
