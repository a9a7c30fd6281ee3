"""An MLflow server on this machine, to be killed, silenced and started again by a test."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from browser import _await_health, _free_port, _server

STOP_SECONDS = 10.0


class LocalServer:
    """Keeps its address and its store, however often it is started."""

    def __init__(self, tracking_uri: str, folder: Path, *options: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._tracking_uri = tracking_uri
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs; returns when it answers."""
        if self._process is not None:
            self._send(signal.SIGCONT)
            return
        self._process = _server(self._tracking_uri, self.port, self._folder, *self._options)
        _await_health(self.url, self._process, self._folder / "log")

    def silence(self) -> None:
        """It takes connections, and answers none."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again, also what it was asked meanwhile."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """All its processes, as a power cut would."""
        if self._process is not None:
            self._send(signal.SIGKILL)
            self._process.wait(STOP_SECONDS)
            self._process = None
            self._await_silence()

    def _await_silence(self) -> None:
        """Its workers die by themselves, and take connections until then."""
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.05)

    def _send(self, number: int) -> None:
        assert self._process is not None, "it does not run"
        os.killpg(self._process.pid, number)  # its workers, too
