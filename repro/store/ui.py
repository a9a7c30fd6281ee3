"""The MLflow server on the project's store, and the address of its run list."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from repro.errors import UsageError
from repro.store.location import Location

# One worker, no job runner: 0.5 GB of memory instead of 2.4 GB.
VARIABLES = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def server_command(tracking_uri: str, host: str, port: int) -> list[str]:
    """The command that serves a store."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    return [*command, "--host", host, "--port", str(port), "--backend-store-uri", tracking_uri]


def run_list_url(base: str, experiment_id: str, view: str) -> str:
    """Address of an experiment's run list, opened in our view."""
    return f"{base}/#/experiments/{experiment_id}/runs?{view}"


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


def serve(location: Location, tracking_uri: str, host: str, port: int) -> int:
    """Serve until interrupted; the server's exit code."""
    command: Sequence[str] = server_command(tracking_uri, host, port)
    try:
        return subprocess.run(command, env={**os.environ, **VARIABLES}, check=False).returncode
    except KeyboardInterrupt:
        return 0
