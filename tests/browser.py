"""Fixtures for tests that look at MLflow's pages: a server of one's own, and a page in Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

START_SECONDS = 60.0
STOP_SECONDS = 10.0
VIEWPORT = {"width": 1800, "height": 800}  # wide enough for our columns and two metrics
# Offline, as root in a container, and without a look at Google first.
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# MLflow opens its assistant over a third of the page on the first visit.
QUIET_PAGE = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""

Serve = Callable[[str], str]


def chromium() -> str | None:
    """The browser to drive; `REPRO_CHROMIUM` overrides the search."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("REPRO_CHROMIUM") or next(filter(None, found), None)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(tracking_uri)` starts an MLflow server on a free port; returns its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(tracking_uri: str) -> str:
        port = _free_port()
        folder = tmp_path_factory.mktemp("server")
        started.append(_server(tracking_uri, port, folder))
        _await_health(f"http://127.0.0.1:{port}", started[-1], folder / "log")
        return f"http://127.0.0.1:{port}"

    yield start
    for server in started:
        _stop(server)


@pytest.fixture(scope="module")  # its event loop runs on while it is open
def browser() -> Iterator["Browser"]:
    """A headless Chromium; the test is skipped where there is none."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium on this machine: install Debian's package, or set REPRO_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=[*CHROMIUM])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page as a first-time visitor sees it, without MLflow's assistant."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]  # a plain dict
    context.add_init_script(QUIET_PAGE)
    yield context.new_page()
    context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server(tracking_uri: str, port: int, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *options]
    where = ["--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", tracking_uri]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, *where],
            cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the worker is a child of its own: stop the whole group
        )


def _await_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{url}/health", timeout=1):
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"the MLflow server at {url} did not answer: {log.read_text()[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(STOP_SECONDS)
