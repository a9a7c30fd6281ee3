import argparse
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient

import repro
from repro.errors import RecordCorrupt, SeedConflict, StoreUnavailable, UsageError
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.scores import Scores


def test_a_finished_block_leaves_a_finished_run_with_params_metrics_and_short_tags(project):
    with repro.tracked_run("first", seed=3, params={"lr": 0.1}, tags={"arm": "sgd"}) as run:
        run.log_metrics({"train/loss": 0.5}, step=1)
    stored = MlflowClient(project.uri).get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "first"
    assert stored.data.params == {"lr": "0.1"}
    assert stored.data.metrics == {"train/loss": 0.5}
    assert stored.data.tags["arm"] == "sgd"
    assert stored.data.tags["repro.seed"] == "3"
    assert stored.data.tags["repro.record"].startswith("blake3:")


def test_every_generator_and_switch_is_given_back(project):
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    with repro.tracked_run(seed=1):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
        random.random(), np.random.rand(), torch.rand(1)
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert before == after
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic


def test_recording_draws_nothing_from_the_seeded_generators(project):
    with repro.tracked_run(seed=5) as run:
        run.log_metrics({"a": 1.0})
        run.log_data(train=np.eye(3))
        drawn = (random.random(), np.random.rand(), torch.rand(1).item())
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())


def test_an_exception_is_recorded_and_raised_again_unchanged(project):
    error = ValueError("no such layer")
    with pytest.raises(ValueError, match="no such layer") as caught, repro.tracked_run() as run:
        raise error
    assert caught.value is error
    outcome = project.record(run.run_id).find(Outcome)
    assert (outcome.status, outcome.error) == ("FAILED", "ValueError: no such layer")
    assert MlflowClient(project.uri).get_run(run.run_id).info.status == "FAILED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(0), "FINISHED"),
        (SystemExit(None), "FINISHED"),
        (SystemExit(3), "FAILED"),
    ],
    ids=repr,
)
def test_the_status_tells_how_the_block_was_left(project, error, status):
    with pytest.raises(type(error)), repro.tracked_run() as run:
        raise error
    assert MlflowClient(project.uri).get_run(run.run_id).info.status == status
    assert project.record(run.run_id).find(Outcome).status == status


def test_inside_an_active_mlflow_run_it_attaches_and_leaves_the_ending_to_its_owner(
    project, capsys
):
    mlflow.set_tracking_uri(project.uri)
    with mlflow.start_run(run_name="theirs") as theirs:
        with repro.tracked_run("ours", seed=0, tags={"arm": "baseline"}) as run:
            assert run.run_id == theirs.info.run_id
            assert MlflowClient().get_run(run.run_id).data.tags["arm"] == "baseline"
        assert MlflowClient().get_run(run.run_id).info.status == "RUNNING"
        assert mlflow.active_run() is not None
    assert "attached to the active MLflow run" in capsys.readouterr().err
    assert project.record(run.run_id).find(Outcome).is_attached
    assert MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def test_a_tracked_run_inside_another_is_its_child(project):
    with repro.tracked_run("parent", seed=0) as parent:
        with repro.tracked_run("child", seed=1) as child:
            assert repro.active_run() is child
        assert repro.active_run() is parent
    assert repro.active_run() is None
    tags = MlflowClient(project.uri).get_run(child.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent.run_id
    assert project.record(parent.run_id).find(Determinism).seed == 0


def test_one_object_can_be_entered_again_and_again(project):
    tracked = repro.tracked_run("again", seed=0)
    with tracked as first:
        pass
    with tracked as second:
        pass
    assert first.run_id != second.run_id


def test_each_call_of_a_decorated_function_is_a_run(project):
    @repro.tracked_run(seed=2)
    def train(factor):
        """Doc of the user."""
        repro.active_run().log_metrics({"value": factor * torch.rand(1)})
        return repro.active_run().run_id

    ids = [train(1), train(1)]
    values = [MlflowClient(project.uri).get_run(i).data.metrics["value"] for i in ids]
    assert len(set(ids)) == 2
    assert values[0] == values[1]
    assert (train.__name__, train.__doc__) == ("train", "Doc of the user.")
    assert MlflowClient(project.uri).get_run(ids[0]).info.run_name == "train"


def test_a_generator_function_cannot_be_decorated():
    with pytest.raises(UsageError) as caught:

        @repro.tracked_run()
        def steps():
            yield 1

    assert str(caught.value).endswith(
        "steps returns before its body has run: it cannot be decorated. "
        "Use `with repro.tracked_run(...)` inside it."
    )


def test_the_seed_is_taken_from_the_argument_then_the_variable_then_drawn(project, monkeypatch):
    monkeypatch.setenv("REPRO_SEED", "7")
    with repro.tracked_run() as run:
        pass
    assert (run.seed, run.seen.seed_source) == (7, "REPRO_SEED")
    with repro.tracked_run(seed=7) as run:
        pass
    assert run.seed == 7
    with pytest.raises(SeedConflict) as caught:
        repro.tracked_run(seed=8).__enter__()
    assert str(caught.value) == (
        "tracked_run(seed=8) and REPRO_SEED=7 ask for two seeds. "
        "Leave seed= out to follow REPRO_SEED, or unset REPRO_SEED."
    )
    monkeypatch.delenv("REPRO_SEED")
    with repro.tracked_run(seed=8) as run:
        pass
    assert (run.seed, run.seen.seed_source) == (8, "argument")
    with repro.tracked_run() as first, repro.tracked_run() as second:
        pass
    assert first.seen.seed_source == "drawn"
    assert first.seed != second.seed


def test_a_seed_variable_that_is_no_number_is_refused(project, monkeypatch):
    monkeypatch.setenv("REPRO_SEED", "abc")
    with pytest.raises(UsageError, match=r"REPRO_SEED='abc' is no seed\. Set it to a whole number"):
        repro.tracked_run().__enter__()


@dataclass
class Inner:
    momentum: float = 0.9


@dataclass
class Config:
    lr: float = 0.1
    optimizer: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 0.1, "optimizer": {"momentum": 0.9}},
        Config(),
        argparse.Namespace(lr=0.1, optimizer={"momentum": 0.9}),
    ],
    ids=["dict", "dataclass", "namespace"],
)
def test_nested_params_of_any_kind_are_joined_with_dots(project, params):
    with repro.tracked_run(params=params) as run:
        pass
    declared = project.record(run.run_id).find(Params).declared
    assert {param.name: param.value for param in declared} == {"lr": 0.1, "optimizer.momentum": 0.9}


def test_what_mlflow_logs_inside_the_block_is_part_of_the_record(project):
    with repro.tracked_run(params={"lr": 0.1}) as run:
        mlflow.log_metric("val/f1", 0.25, step=3)
        mlflow.log_params({"depth": 4})
    record = project.record(run.run_id)
    assert record.find(Scores).value("val/f1") == 0.25
    assert [(p.name, p.value) for p in record.find(Params).logged] == [("depth", "4")]


def test_the_store_that_was_set_before_the_block_is_set_again_after_it(project):
    assert not mlflow.is_tracking_uri_set()
    with repro.tracked_run():
        assert mlflow.get_tracking_uri() == project.uri
    assert not mlflow.is_tracking_uri_set()


def test_a_dead_server_costs_a_second_and_no_result(project, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with repro.tracked_run("offline", seed=0) as run:
        run.log_metrics({"loss": 1.0})
    assert run.opened.tracking_uri == f"sqlite:///{project.root}/mlruns/mlflow.db"
    stored = MlflowClient(run.opened.tracking_uri).get_run(run.run_id)
    assert stored.data.metrics == {"loss": 1.0}
    assert stored.data.tags["repro.instead_of"].startswith("http://127.0.0.1:9: ")
    assert "another store was used instead of http://127.0.0.1:9" in capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_replaced_by_one_that_can(project, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{blocked}/mlflow.db")
    with repro.tracked_run() as run:
        run.log_metrics({"loss": 1.0})
    assert run.opened.tracking_uri == f"sqlite:///{project.root}/mlruns/mlflow.db"


def test_without_any_store_that_can_be_written_the_block_is_not_entered(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns").write_text("no folder")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{blocked}/mlflow.db")
    monkeypatch.setattr("tempfile.tempdir", str(blocked))
    with pytest.raises(StoreUnavailable) as caught:
        repro.tracked_run().__enter__()
    message = str(caught.value)
    assert message.startswith(f"no store can be written: sqlite:///{blocked}/mlflow.db: ")
    assert message.endswith(
        "Set MLFLOW_TRACKING_URI, or `tracking_uri` in repro.toml, to one that can."
    )


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(project):
    client = MlflowClient(project.uri)
    experiment_id = client.create_experiment("gone")
    client.delete_experiment(experiment_id)
    with pytest.raises(UsageError) as caught:
        repro.tracked_run(experiment="gone").__enter__()
    assert str(caught.value) == (
        "experiment 'gone' was deleted. Restore it with "
        f"`mlflow experiments restore -x {experiment_id}`, or choose another name."
    )
    assert mlflow.active_run() is None


def test_an_operation_that_strict_mode_refuses_is_named_with_the_way_out(project):
    with pytest.raises(RuntimeError) as caught, repro.tracked_run(seed=0):
        torch.zeros(4).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    (note,) = caught.value.__notes__
    assert "put_" in note
    assert "deterministic='warn'" in note


def test_the_code_of_a_dirty_tree_is_kept_as_a_patch(project):
    (project.root / "train.py").write_text("lr = 0.2\n")
    with repro.tracked_run() as run:
        pass
    code = project.record(run.run_id).find(Code)
    assert (code.is_dirty, code.n_modified, code.restore_verified) == (True, 1, True)
    patch = MlflowClient(project.uri).download_artifacts(run.run_id, code.patch)
    assert "+lr = 0.2" in Path(patch).read_text()


def test_a_name_that_is_empty_is_refused():
    with pytest.raises(UsageError, match="name='' names no run"):
        repro.tracked_run("")


def test_a_typed_program_has_no_code_that_anybody_could_bring_back(project):
    names = {"repro": repro}
    exec("with repro.tracked_run(seed=0) as run:\n    pass", names)
    code = project.record(names["run"].run_id).get(Code)
    assert (code.kind, code.reason) == (
        "not_recorded",
        "the program was typed (notebook, -c or standard input); put it into a file under git",
    )


def test_a_record_that_was_changed_after_its_run_is_not_read(project):
    with repro.tracked_run(seed=0) as run:
        pass
    (stored,) = (project.root / "mlruns").rglob("record.json")
    stored.write_text(stored.read_text().replace('"seed":0', '"seed":1'))
    with pytest.raises(RecordCorrupt) as caught:
        project.record(run.run_id)
    assert str(caught.value) == (
        f"the record of run {run.run_id[:8]} is not the one that was sealed: it was changed "
        "afterwards, and proves nothing. Run the training again."
    )


def test_an_attached_run_that_fails_after_the_block_has_failed(project):
    mlflow.set_tracking_uri(project.uri)
    experiment_id = mlflow.create_experiment("tests")
    runs = []

    def train():
        with mlflow.start_run(experiment_id=experiment_id):
            with repro.tracked_run(seed=0) as run:
                runs.append(run.run_id)
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        train()
    assert project.record(runs[0]).find(Outcome).status == "FAILED"


def test_a_forked_child_that_leaves_the_block_does_not_end_the_run(project):
    block = repro.tracked_run("parent", seed=0, quiet=True)
    with block as run:
        child = os.fork()
        if child == 0:
            try:
                block.__exit__(None, None, None)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert not list((project.root / "mlruns").rglob("record.json"))
        run.log_metrics({"loss": 1.0})
    assert project.record(run.run_id).find(Outcome).status == "FINISHED"
