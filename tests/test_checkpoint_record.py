"""What the record tells of checkpoints, and that a run which goes on looks like one."""

from contextlib import suppress

import pytest
from checkpointed_training import Stop, Training, light_run

import repro
from repro.facts.checkpoints import Checkpoints
from repro.facts.initialization import Initialization
from repro.facts.lineage import Lineage
from repro.facts.optimizer import Optimizer
from repro.facts.segments import Segments
from repro.observe.technique import Ending
from repro.trace import first_difference, read


def killed(path, at, **arguments):
    """A run that is killed after the step that follows its checkpoint."""
    with repro.tracked_run(seed=5, quiet=True, **arguments) as run, suppress(Stop):
        Training(run).epochs(path=path, at=at)
    return run.run_id


@pytest.mark.slow
def test_a_run_that_goes_on_takes_the_traced_steps_of_one_that_never_stopped(project, tmp_path):
    with repro.tracked_run(seed=5, quiet=True, trace="full") as run:
        Training(run).epochs()
    whole = run.run_id
    run_id = killed(tmp_path / "last.pt", 7, trace="full")
    with repro.tracked_run(resume=run_id, quiet=True, trace="full") as run:
        training = Training(run)
        training.epochs(training.load(tmp_path / "last.pt").epoch)
    uninterrupted = read(project.history.artifact(whole, "repro/trace.jsonl"))
    resumed = read(project.history.artifact(run_id, "repro/trace-2.jsonl"))
    assert resumed.steps == tuple(range(7, 15))
    assert first_difference(uninterrupted, resumed) is None
    assert_goes_on(project.record(run_id), project.record(whole))


def assert_goes_on(record, whole):
    segments, checkpoints = record.find(Segments), record.find(Checkpoints)
    assert (segments.changed, segments.unknown) == ((), ())
    for fact in (Lineage, Initialization, Optimizer):
        assert record.find(fact) == whole.find(fact)
    (written,), (one,) = checkpoints.written, checkpoints.read
    assert (written.id, written.file, written.step, written.epoch) == ("1-1", "last.pt", 7, 1)
    assert (one.digest, one.run_id, one.is_recorded) == (written.digest, record.run_id, True)
    assert (one.step, one.in_pass, one.not_gone_on, one.switches) == (7, ("train",), (), ())


def seen_of_going_on(path, run_id):
    """A run writes a checkpoint, another process goes on: its lineage, and what it read."""
    with light_run("4f2a") as run:
        training = Training(run)
        training.step(*next(iter(training.loader)))
        training.save(path)
    with light_run(run_id) as run:
        training = Training(run)
        training.load(path)
        training.step(*next(iter(training.loader)))
        lineage = run.training.audience.facts(Ending(n_steps=1))["lineage"]
    return lineage, run.book.fact().read[0]


def test_a_checkpoint_of_another_run_is_where_the_weights_come_from(tmp_path):
    lineage, one = seen_of_going_on(tmp_path / "last.pt", "other")
    assert (one.run_id, one.is_recorded) == ("4f2a", None)
    assert [file.parent for file in lineage.loaded] == ["4f2a"]
    assert lineage.is_set_from_state


def test_a_checkpoint_of_the_run_itself_is_no_origin(tmp_path):
    lineage, one = seen_of_going_on(tmp_path / "last.pt", "4f2a")
    assert one.run_id == "4f2a"
    assert (lineage.loaded, lineage.is_set_from_state) == ((), False)


def test_a_pass_that_nobody_goes_on_with_is_told(tmp_path):
    with light_run() as run:
        training = Training(run)
        batches = iter(training.loader)
        training.step(*next(batches))
        training.save(tmp_path / "last.pt")
    with light_run() as run:
        training = Training(run)
        training.load(tmp_path / "last.pt")
        assert run.book.fact().read[0].not_gone_on == ("train",)
        list(training.loader)
        assert run.book.fact().read[0].not_gone_on == ()
