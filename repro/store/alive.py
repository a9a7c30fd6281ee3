"""Tells an orphan from a live run: by a lock that dies with its process, and by a heartbeat."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "alive"
BEAT_SECONDS = 10.0
SILENT_SECONDS = (
    120.0  # of another machine's run: then it is dead, its clock may be wrong by as much
)

try:
    import fcntl
except ImportError:  # Windows: the heartbeat alone tells
    fcntl = None  # type: ignore[assignment]


class Alive:
    """Held by the process that runs, until `close` or its death.

    A POSIX lock: unlike flock's it does not pass to forked children, which may live on.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._file: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        self._process = os.getpid()
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: the heartbeat tells
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._last = 0.0
        self.beat()

    def beat(self) -> None:
        """Leave a sign of life, at most every ten seconds."""
        if self._file is None or time.monotonic() - self._last < BEAT_SECONDS:
            return
        self._last = time.monotonic()
        sign = {"process": self._process, "host": socket.gethostname(), "at": time.time()}
        with suppress(OSError):  # a full disk: the lock tells still
            os.pwrite(self._file, json.dumps(sign).encode().ljust(200), 0)

    def close(self) -> None:
        """Give the lock back; no sign is left."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a run."""

    process: int | None = None
    host: str | None = None
    at: float | None = None  # seconds since 1970

    @property
    def is_from_here(self) -> bool:
        """Whether the process ran on this machine."""
        return self.host == socket.gethostname()


def last_sign(folder: Path) -> Sign:
    """What the run wrote last; nothing, where no run was."""
    try:
        data: dict[str, Any] = json.loads((folder / FILE).read_text())
        return Sign(data["process"], data["host"], data["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return Sign()


def is_live(folder: Path) -> bool:
    """Whether a process still writes here."""
    sign = last_sign(folder)
    if sign.is_from_here and sign.process == os.getpid():
        return True  # opening the file here would give the lock away
    is_recent = sign.at is not None and time.time() - sign.at < SILENT_SECONDS
    if fcntl is None or not sign.is_from_here:
        return is_recent
    return _is_locked(folder / FILE)


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
