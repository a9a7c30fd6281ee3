"""The MLflow server on the project's store, and the address of its run list."""

import os
import socket
import sys

from repro.errors import UsageError
from repro.store.load import open_history
from repro.store.location import Location
from repro.store.mlflow import is_server, without_credentials
from repro.store.view import save_view

# One worker, no job runner: 0.5 GB of memory instead of 2.4 GB.
VARIABLES = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def serve(location: Location, experiment: str | None, host: str, port: int) -> None:
    """Print the address of the run list, and become the server.

    A store that is a server itself is not served again: only the address is printed.

    Raises
    ------
    UsageError
        Something listens on the port already.
    StoreUnavailable
        There is no such store or experiment.
    """
    history = open_history(location, experiment)
    query = save_view(history.client, history.experiment.experiment_id)
    page = f"/#/experiments/{history.experiment.experiment_id}/runs?{query}"
    uri = history.client.tracking_uri
    if is_server(uri):
        print(f"{without_credentials(uri).rstrip('/')}{page}")
        return
    refuse_busy_port(host, port)
    print(f"http://{host}:{port}{page}", flush=True)
    # The server takes this process's place: what ends the one ends the other.
    os.execve(sys.executable, server_command(uri, host, port), {**os.environ, **VARIABLES})


def server_command(tracking_uri: str, host: str, port: int) -> list[str]:
    """The command that serves a store."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    return [*command, "--host", host, "--port", str(port), "--backend-store-uri", tracking_uri]


def refuse_busy_port(host: str, port: int) -> None:
    """Say who is in the way before the server prints a traceback.

    Raises
    ------
    UsageError
        Something listens on the port already.
    """
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((host, port)) == 0:
            raise UsageError(
                f"port {port} of {host} is taken. Stop what listens there, or pass --port."
            )
