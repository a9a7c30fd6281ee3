"""A PostgreSQL of the tests' own, and an MLflow server on it that keeps the artifacts."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser import _free_port
from local_server import LocalServer

START_SECONDS = 60.0
STOP_SECONDS = 30.0
USER = "postgres"  # of Debian's package; as root, PostgreSQL does not start
OPTIONS = ("-c", "fsync=off", "-c", "listen_addresses=127.0.0.1")


@dataclass
class Postgres:
    """A database server in a folder of its own; it ends with the process that started it."""

    folder: Path
    programs: Path
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    port: int = field(default_factory=_free_port)
    _process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the empty cluster."""
        file = self.folder / "password"
        file.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(file, USER)
            shutil.chown(self.folder, USER)
        how = ("--username=repro", "--auth=scram-sha-256", f"--pwfile={file}", "--no-sync")
        command = (*self._as_user(), self.programs / "initdb", *how, "-D", self.folder / "data")
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Returns when it takes connections."""
        if self._process is not None:
            return
        where = ("-D", self.folder / "data", "-k", self.folder, "-p", str(self.port))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                (*self._as_user(), self.programs / "postgres", *where, *OPTIONS),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which stops it
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """At once: it breaks the connections that there are."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def uri(self, database: str) -> str:
        """Address of a database, which is made if there is none."""
        if not self.rows("SELECT 1 FROM pg_database WHERE datname = %s", database):
            self.rows(f'CREATE DATABASE "{database}"')
        return f"postgresql://repro:{self.password}@127.0.0.1:{self.port}/{database}"

    def rows(self, statement: str, *values: object, database: str = "postgres") -> list[Any]:
        """What a statement gives; nothing, where it only changes something."""
        import psycopg

        where = {"host": "127.0.0.1", "port": self.port, "dbname": database}
        user = {"user": "repro", "password": self.password}
        with psycopg.connect(**where, **user, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        import psycopg

        try:
            self.rows("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _as_user(self) -> tuple[str, ...]:
        """SIGINT when the tests are killed: no server is left behind."""
        dies = ("setpriv", "--pdeathsig=INT")
        if os.geteuid() != 0:
            return dies
        return (*dies, f"--reuid={USER}", f"--regid={USER}", "--init-groups")


def programs() -> Path:
    """Where Debian, or the search path, has the newest initdb."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.fail("PostgreSQL is not installed: `make test-services` installs it")
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


def _version(initdb: Path) -> int:
    return int(initdb.parts[-3])


@pytest.fixture(scope="session")
def only_postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="repro-postgres-"))  # pytest's are closed to other users
    made = Postgres(folder, programs())
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture
def postgres(only_postgres: Postgres, project: Any) -> Postgres:
    """It runs; the working directory is a project of the test's own."""
    only_postgres.start()
    return only_postgres


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the server keeps artifacts."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="session")
def only_server(
    only_postgres: Postgres, artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalServer]:
    made = LocalServer(
        only_postgres.uri("server"),
        tmp_path_factory.mktemp("server"),
        *("--serve-artifacts", "--artifacts-destination", str(artifacts)),
    )
    yield made
    made.kill()


@pytest.fixture
def server(
    only_server: LocalServer, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> LocalServer:
    """It runs, and is the project's store."""
    only_server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", only_server.url)
    return only_server


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a new database, which is the project's store without a server between."""
    name = f"direct_{secrets.token_hex(4)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.uri(name))
    return name
