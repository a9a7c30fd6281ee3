import socket
import sys

import pytest
from mlflow import MlflowClient

from repro.errors import StoreUnavailable, UsageError
from repro.store import ui
from repro.store.load import MlflowHistory
from repro.store.location import Location, locate
from repro.store.ui import refuse_busy_port, serve, server_command


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def experiment(project):
    return MlflowClient(project.uri).create_experiment("tests")


@pytest.fixture
def started(monkeypatch):
    """What this process would have become, in place of becoming it."""
    calls = []
    monkeypatch.setattr(ui.os, "execve", lambda *call: calls.append(call))
    return calls


def test_the_server_is_that_of_this_python_with_one_worker():
    assert server_command("sqlite:////a/mlflow.db", "127.0.0.1", 5001) == [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", "5001"),
        *("--backend-store-uri", "sqlite:////a/mlflow.db"),
    ]


def test_a_busy_port_is_refused_with_the_whole_story(busy_port, free_port):
    with pytest.raises(UsageError) as caught:
        refuse_busy_port("127.0.0.1", busy_port)
    assert str(caught.value) == (
        f"port {busy_port} of 127.0.0.1 is taken. Stop what listens there, or pass --port."
    )
    refuse_busy_port("127.0.0.1", free_port)


def test_the_address_of_the_run_list_is_printed_and_the_store_served(
    project, experiment, started, free_port, capsys
):
    serve(locate(), None, "127.0.0.1", free_port)
    ((program, command, env),) = started
    assert program == command[0]
    assert command == server_command(project.uri, "127.0.0.1", free_port)
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert capsys.readouterr().out == (
        f"http://127.0.0.1:{free_port}/#/experiments/{experiment}/runs"
        f"?workflowType=machine_learning&viewStateShareKey=repro\n"
    )


def test_on_a_busy_port_nothing_is_started(project, experiment, started, busy_port):
    with pytest.raises(UsageError, match="is taken"):
        serve(locate(), None, "127.0.0.1", busy_port)
    assert started == []


def test_a_store_that_is_a_server_is_only_pointed_to(
    project, experiment, started, busy_port, monkeypatch, capsys
):
    def remote(location, name):
        client = MlflowClient(project.uri)
        history = MlflowHistory(client, client.get_experiment(experiment))
        monkeypatch.setattr(type(client), "tracking_uri", "http://me:pw@mlflow.example/")
        return history

    monkeypatch.setattr(ui, "open_history", remote)
    serve(locate(), None, "127.0.0.1", busy_port)
    assert started == []
    printed = capsys.readouterr().out
    assert printed.startswith(f"http://mlflow.example/#/experiments/{experiment}/runs?")


def test_without_a_store_nothing_is_started(tmp_path, started, free_port):
    with pytest.raises(StoreUnavailable, match="there is no store at"):
        serve(Location(f"sqlite:///{tmp_path}/x.db", tmp_path, None), None, "127.0.0.1", free_port)
    assert started == []
