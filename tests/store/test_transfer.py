"""A run that another store took is copied to the one that was asked for, when that answers."""

import os
import signal

import mlflow
import numpy as np
import pytest
from browser import _await_health, _free_port, _server, _stop
from mlflow import MlflowClient

import repro
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.recovery import CREDENTIALS, recover_some
from repro.store.journaled import events
from repro.store.load import open_history
from repro.store.location import locate

pytestmark = pytest.mark.slow

POINTS = 2_500


def recovered(**options):
    return list(recover_some(None, locate(**options)))


def train(name="offline", n_points=POINTS, **options):
    """A run with something of every kind."""
    with repro.tracked_run(
        name, seed=3, params={"lr": 0.1}, tags={"arm": "sgd"}, quiet=True, **options
    ) as run:
        for step in range(n_points):
            run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
        run.log_data(train=np.eye(3), test=np.ones((2, 3)))
        mlflow.log_param("by_hand", "two")
        mlflow.log_text("by hand", "notes/by_hand.txt")
        mlflow.log_text("at the root", "root.txt")
    return run


def content(client, run_id):
    """What a person sees of a run, but for its id and the links."""
    run = client.get_run(run_id)
    tags = {
        k: v for k, v in run.data.tags.items() if not k.startswith(("repro.copied", "repro.in"))
    }
    info = run.info
    inputs = sorted(
        (item.dataset.name, item.dataset.digest, item.tags[0].value)
        for item in run.inputs.dataset_inputs
    )
    history = sorted(
        (m.key, m.step, m.timestamp, m.value)
        for key in run.data.metrics
        for m in client.get_metric_history(run_id, key)
    )
    files = sorted(item.path for item in client.list_artifacts(run_id, "repro"))
    times = (info.start_time, info.end_time, info.status, info.run_name)
    return tags, run.data.params, inputs, history, files, times


@pytest.fixture
def blocked(project, tmp_path, monkeypatch):
    """A store that cannot be used until `unblock` is called."""
    folder = tmp_path / "wanted"
    folder.write_text("a file where the folder should be")
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def unblock(empty_store):
        folder.unlink()
        folder.mkdir()
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
        return MlflowClient(uri)

    return unblock


def copy_of(client, run):
    (copied,) = client.search_runs(
        [client.get_experiment_by_name("tests").experiment_id],
        f"tags.`repro.copied_from` = '{run.run_id}'",
    )
    return copied


@pytest.mark.long
def test_a_run_without_a_server_is_copied_to_it_when_it_answers(
    project, tmp_path, monkeypatch, capsys
):
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    run = train()
    local = MlflowClient(project.uri)
    assert local.get_run(run.run_id).data.tags["repro.instead_of"].startswith(f"{url}: ")
    (found,) = recovered()
    assert found.problem.startswith(f"{url} cannot be reached: ")

    folder = tmp_path / "server"
    folder.mkdir()
    server = _server(f"sqlite:///{folder}/mlflow.db", port, folder)
    try:
        _await_health(url, server, folder / "log")
        capsys.readouterr()
        (found,) = recovered()
        assert capsys.readouterr() == ("", "")  # nothing of MLflow's own
        client = MlflowClient(url)
        copied = copy_of(client, run)
        assert str(found) == (
            f"offline ({run.run_id[:8]}): copied to {url} as {copied.info.run_id[:8]}"
        )
        assert content(client, copied.info.run_id) == content(local, run.run_id)
        assert len(client.get_metric_history(copied.info.run_id, "loss")) == POINTS
        path = client.download_artifacts(copied.info.run_id, "notes/by_hand.txt", str(folder))
        with open(path) as file:
            assert file.read() == "by hand"
        assert {item.path for item in client.list_artifacts(copied.info.run_id)} == {
            "notes",
            "repro",
            "root.txt",
        }
        record = open_history(locate(), "tests").record(copied.info.run_id)
        assert record.run_id == copied.info.run_id
        assert record.find(Outcome).status == "FINISHED"
        assert record.find(Integrity).altered == ()
        assert recovered() == []
    finally:
        _stop(server)
    tags = local.get_run(run.run_id).data.tags
    assert tags["repro.copied_to"] == copied.info.run_id


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "name",
    ["create_run", "log_batch", "log_inputs", "log_artifacts", "set_terminated", "set_tag"],
)
def test_a_copy_that_was_killed_goes_on_in_the_same_run(
    project, blocked, empty_store, monkeypatch, name, when
):
    run = train(n_points=3)
    client = blocked(empty_store)
    child = os.fork()
    if child == 0:
        call = getattr(MlflowClient, name)

        def dies(*args, **kwargs):
            if when == "after":
                call(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(MlflowClient, name, dies)
        recovered()
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it was never there"
    (found,) = recovered()
    assert found.problem is None
    copied = copy_of(client, run)
    local = MlflowClient(project.uri)
    assert content(client, copied.info.run_id) == content(local, run.run_id)
    journal = events(project.root / "mlruns" / "journal" / run.run_id)
    mapped = [entry.data["run_id"] for entry in journal if entry.kind == "copying"]
    assert mapped == [copied.info.run_id]
    assert recovered() == []


def test_the_mapping_is_journaled_before_anything_is_copied(
    project, blocked, empty_store, monkeypatch
):
    run = train(n_points=3)
    client = blocked(empty_store)

    def refuse(*_):
        raise ConnectionError("gone again")

    with monkeypatch.context() as away:
        away.setattr("repro.recovery.fill", refuse)
        (found,) = recovered()
    assert found.problem == "ConnectionError: gone again"
    journal = events(project.root / "mlruns" / "journal" / run.run_id)
    assert journal[-1].kind == "copying"
    assert journal[-1].data["run_id"] == copy_of(client, run).info.run_id


def test_a_nested_run_is_copied_below_the_copy_of_its_parent(project, blocked, empty_store):
    with repro.tracked_run("parent", seed=0, quiet=True) as parent:
        child = train("child", n_points=1)
    client = blocked(empty_store)
    recovered()
    tags = copy_of(client, child).data.tags
    assert tags["mlflow.parentRunId"] == copy_of(client, parent).info.run_id


def test_a_run_is_copied_to_the_store_that_was_asked_for_whatever_it_is_now(
    project, blocked, empty_store, monkeypatch
):
    run = train(n_points=1)
    client = blocked(empty_store)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (found,) = recovered()
    assert found.problem is None
    assert copy_of(client, run).info.run_name == "offline"


def test_a_database_that_was_asked_for_and_is_not_there_is_made(project, blocked, tmp_path):
    run = train(n_points=1)
    (tmp_path / "wanted").unlink()
    (found,) = recovered()
    assert found.problem is None
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    assert copy_of(client, run).info.status == "FINISHED"


@pytest.fixture
def away(project, monkeypatch):
    """A server that does not answer; a run was meant for it, and it is not the store any more."""
    url = f"http://127.0.0.1:{_free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    train(n_points=1)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    return url


def test_a_server_that_is_away_is_named_with_what_may_be_missing(away):
    (found,) = recovered()
    assert found.problem.startswith(f"{away} cannot be reached: ")
    assert found.problem.endswith(
        "; the run was meant for it. The journal keeps no password: where one is needed, pass the "
        "address with --tracking-uri."
    )


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_password_for_the_store_of_now_is_told_to_no_other(project, away, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    (found,) = recovered()
    assert found.problem == (
        f"it was meant for {away}, the store is {project.uri} now. "
        f"Pass the other one, with its password, by --tracking-uri to copy the run there."
    )


def test_a_deleted_experiment_is_not_written_to(project, blocked, empty_store):
    train(n_points=1)
    client = blocked(empty_store)
    experiment = client.create_experiment("tests")
    client.delete_experiment(experiment)
    (found,) = recovered()
    assert found.problem == (
        f"experiment 'tests' was deleted in {client.tracking_uri}. Restore it with "
        f"`mlflow experiments restore -x {experiment}`."
    )
