"""What a checkpoint cannot hold, and from which one a training cannot go on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpointed_training import ROWS, Augmented, Training, light_run, ours

from repro.errors import CheckpointUnusable, UsageError


def written(path):
    """By a run that has drawn two batches."""
    with light_run() as run:
        training = Training(run, ours)
        batches = iter(training.loader)
        training.step(*next(batches))
        training.step(*next(batches))
        training.save(path)
    return path


def refusal(path, make=ours, error=CheckpointUnusable, **objects):
    """The message of a new run that is to go on from it."""
    with light_run() as run:
        training = Training(run, make)
        with pytest.raises(error) as caught:
            run.load_checkpoint(path, **{**training.objects, **objects})
    return str(caught.value)


def test_a_file_that_is_missing_is_told_with_those_that_are_there(tmp_path):
    written(tmp_path / "epoch-1.pt")
    assert refusal(tmp_path / "epoch-2.pt") == (
        f"there is no checkpoint {tmp_path}/epoch-2.pt; in that folder: epoch-1.pt. "
        f"Pass one that run.checkpoint wrote."
    )


def test_a_file_that_is_cut_off_or_of_another_making_is_refused(tmp_path):
    whole = written(tmp_path / "last.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    assert refusal(tmp_path / "cut.pt").endswith("Go on from another checkpoint.")
    torch.save({"weight": torch.ones(2)}, tmp_path / "weights.pt")
    assert refusal(tmp_path / "weights.pt") == (
        f"{tmp_path}/weights.pt is no checkpoint of repro.checkpoint/2: its format is None. "
        f"Read weights of another making with run.load(path)."
    )


def test_a_model_of_other_shapes_is_named_with_both(tmp_path):
    path = written(tmp_path / "last.pt")
    message = refusal(path, model=torch.nn.Sequential(torch.nn.Linear(4, 9)))
    assert message.startswith("model is not the one of the checkpoint: ")
    assert "0.weight: copying a param with shape torch.Size([8, 4])" in message
    assert message.endswith("Build it as the run did.")


def test_an_object_that_is_left_out_or_too_much_is_refused(tmp_path):
    path = written(tmp_path / "last.pt")
    advice = (
        "Pass what was written; for the weights alone, read the file with run.load(path)['model']."
    )
    assert refusal(path, scheduler=None) == (
        f"the checkpoint holds scheduler, which was not given. {advice}"
    )
    assert refusal(path, scaler=torch.amp.GradScaler("cpu")) == (
        f"the checkpoint holds no scaler, but one was given. {advice}"
    )
    linear = torch.nn.Linear(2, 1)
    assert refusal(path, model={"student": linear, "teacher": linear}) == (
        f"model was written as another list or dict of objects than is given. {advice}"
    )


def test_several_models_come_back_each_by_its_name(tmp_path):
    models = {"student": torch.nn.Linear(2, 1), "teacher": [torch.nn.Linear(2, 1)]}
    with light_run() as run:
        run.checkpoint(tmp_path / "last.pt", model=models)
        again = {"student": torch.nn.Linear(2, 1), "teacher": [torch.nn.Linear(2, 1)]}
        run.load_checkpoint(tmp_path / "last.pt", model=again)
    assert torch.equal(again["student"].weight, models["student"].weight)
    assert torch.equal(again["teacher"][0].weight, models["teacher"][0].weight)


def test_another_loader_is_refused_whether_made_before_or_after(tmp_path):
    path = written(tmp_path / "last.pt")

    def other(run):
        return run.dataloader(Augmented(run), batch_size=5, num_workers=1, shuffle=False)

    message = (
        "loader 'train' cannot go on bit for bit: batch_size was 4, now 5; num_workers was 0, "
        "now 1; sampler was 'RandomSampler', now 'SequentialSampler'. Make it as it was; for the "
        "weights alone, read the file with run.load(path)['model']."
    )
    assert refusal(path, other) == message
    with light_run() as run:
        Training(run, lambda run: None).load(path)
        with pytest.raises(CheckpointUnusable) as caught:
            other(run)
    assert str(caught.value) == message


def test_fewer_rows_than_batches_were_drawn_are_refused(tmp_path):
    path = written(tmp_path / "last.pt")
    with light_run() as run:
        training = Training(run, ours)
        training.load(path)
        progress = training.loader.progress
        progress.place = replace(progress.place, n_drawn=9)
        with pytest.raises(CheckpointUnusable) as caught:
            next(iter(training.loader))
    assert str(caught.value) == (
        f"loader 'train' has {len(ROWS) // 4} batches; the checkpoint was written after 9. "
        f"Give it the rows that it had."
    )


def test_workers_that_live_on_are_refused_when_the_checkpoint_is_written(tmp_path):
    with light_run() as run:
        _loader = run.dataloader(Augmented(run), num_workers=1, persistent_workers=True)
        with pytest.raises(CheckpointUnusable) as caught:
            run.checkpoint(tmp_path / "last.pt")
    assert str(caught.value) == (
        "loader 'train' has persistent_workers=True: its workers' generators cannot be read, "
        "and no checkpoint could go on from them. Leave persistent_workers out."
    )


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"best": np.float64(0.5)}, "extra.best, a numpy.float64,"),
        ({"seen": [1, object()]}, "extra.seen[1], a builtins.object,"),
        ({"by": {frozenset(): 1}}, "a key of extra.by, a frozenset,"),
    ],
    ids=["numpy number", "object in a list", "key"],
)
def test_what_could_not_be_read_without_running_code_is_named(tmp_path, value, named):
    with light_run() as run, pytest.raises(UsageError) as caught:
        run.checkpoint(tmp_path / "last.pt", extra=value)
    assert str(caught.value) == (
        f"run.checkpoint: {named} cannot be read back with weights_only=True. "
        f"Pass numbers, text, tensors, lists or dicts of them, or value.state_dict()."
    )
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_state_is_refused(tmp_path):
    with light_run() as run, pytest.raises(UsageError) as caught:
        run.checkpoint(tmp_path / "last.pt", model=[torch.ones(2)])
    assert str(caught.value) == (
        "run.checkpoint got a Tensor as model[0], which has no state_dict(). "
        "Pass the object itself, or a list or dict of several."
    )


def test_a_writer_that_is_stopped_leaves_the_file_before_as_it_was(tmp_path, monkeypatch):
    path = written(tmp_path / "last.pt")
    before = path.read_bytes()

    def torn(content, draft):
        draft.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(KeyboardInterrupt):
        written(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_changed_since_is_refused(tmp_path):
    path = tmp_path / "last.pt"
    with light_run() as run:
        training = Training(run)
        training.save(path)
        content = torch.load(path)
        content["step"] = 7
        torch.save(content, path)
        with pytest.raises(CheckpointUnusable) as caught:
            training.load(path)
    assert str(caught.value).startswith(f"{path} was changed after run 4f2a wrote it: its digest ")


def test_the_file_of_another_rank_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "last.pt")
    monkeypatch.setattr("repro.checkpoint.rank", lambda: 1)
    assert refusal(path) == (
        f"{path} was written by rank 0, this is rank 1: all ranks would draw the same numbers. "
        f"Write a file on each rank, with the rank in its name."
    )


def test_generators_of_more_devices_than_there_are_are_refused(tmp_path):
    path = written(tmp_path / "last.pt")
    content = torch.load(path)
    content["repro"]["generators"]["torch.cuda"] = [torch.get_rng_state()] * 9
    torch.save(content, path)
    assert refusal(path).startswith(
        "the checkpoint holds generators of 9 devices of torch.cuda, here are "
    )
