"""Tells an orphan from a live run: by a lock that dies with its process, and by a heartbeat."""

import errno
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGN = "alive"
LOCK = "held"  # apart from the sign: a process that closes any file with its lock gives it away
BEAT_SECONDS = 10.0
SILENT_SECONDS = 120.0  # then a run of another machine is dead; clocks differ by less
SIGN_BYTES = 512  # always as many: a shorter sign must not leave the end of a longer one
BOOT = Path("/proc/sys/kernel/random/boot_id")
OPEN_FILES = Path("/dev/fd")

try:
    import fcntl
except ImportError:  # Windows: the heartbeat alone tells
    fcntl = None  # type: ignore[assignment]


class Alive:
    """Held by the process that runs, until `close` or its death.

    A POSIX lock: unlike flock's it does not pass to forked children, which may live on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._next = 0.0
        self.beat()

    def beat(self) -> None:
        """Hold the lock, and leave a sign of life every ten seconds; never raises."""
        with suppress(OSError):  # a full disk, or one without locks: each tells without the other
            self._hold()
        if time.monotonic() < self._next:
            return
        sign = {"process": os.getpid(), "host": socket.gethostname(), "boot": _boot()}
        with suppress(OSError):
            _write(self._folder / SIGN, json.dumps({**sign, "at": time.time()}))
            self._next = time.monotonic() + BEAT_SECONDS

    def close(self) -> None:
        """Give the lock back; no sign is left."""
        for name in (SIGN, LOCK):
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hold(self) -> None:
        """Again and again: if anything in this process opens and closes the file, it is lost.

        So it is with a folder that someone deletes: another file has to be held then.
        """
        if self._lock is not None and os.fstat(self._lock).st_nlink == 0:
            os.close(self._lock)
            self._lock, self._next = None, 0.0
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if fcntl is not None:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a run."""

    process: int | None = None
    host: str | None = None
    at: float | None = None  # seconds since 1970
    boot: str | None = None  # of the machine, whose name another one may share

    @property
    def is_from_here(self) -> bool:
        """Whether the process ran on this machine, since its last start."""
        return (self.host, self.boot) == (socket.gethostname(), _boot())

    @property
    def is_recent(self) -> bool:
        """Whether so little time has passed that the process may live."""
        return self.at is not None and time.time() - self.at < SILENT_SECONDS


def last_sign(folder: Path) -> Sign:
    """What the run wrote last; nothing, where no run was."""
    try:
        data: dict[str, Any] = json.loads((folder / SIGN).read_text())
        return Sign(int(data["process"]), str(data["host"]), float(data["at"]), data.get("boot"))
    except (OSError, ValueError, KeyError, TypeError):
        return Sign()


def is_live(folder: Path) -> bool:
    """Whether a process still writes here."""
    sign = last_sign(folder)
    is_elsewhere = sign.host is not None and not sign.is_from_here
    held = None if fcntl is None else _is_held(folder / LOCK, sign)
    if is_elsewhere and not held:
        held = None  # locks may not reach from one machine to the other
    return sign.is_recent if held is None else held


def _is_held(path: Path, sign: Sign) -> bool | None:
    """Whether a process has the lock; None where locks do not tell."""
    if sign.process in (None, os.getpid()) and _is_open_here(path):
        return True  # opening it here would give the lock away
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EACCES, errno.EAGAIN) else None
    finally:
        os.close(file)
    return False


def _is_open_here(path: Path) -> bool:
    """Whether this process has the file open; its number may once have been another's."""
    try:
        wanted, names = path.stat(), os.listdir(OPEN_FILES)
    except OSError:
        return False
    return any(_is_same(int(name), wanted) for name in names)


def _is_same(file: int, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(file), wanted)
    except OSError:  # closed meanwhile
        return False


def _boot() -> str | None:
    try:
        return BOOT.read_text().strip()
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """In place, in one call: a full disk has room for what was there before."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(file, text.encode().ljust(SIGN_BYTES), 0)
    finally:
        os.close(file)
