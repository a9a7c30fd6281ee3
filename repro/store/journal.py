"""The append-only file under each run, written before MLflow is.

One entry a line: a checksum, a space, and canonical JSON. A torn last line is tolerated.
"""

import json
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One thing that happened: what kind, and its data."""

    kind: str  # run, metrics, record, shipped, ended
    data: dict[str, Any]


class Journal:
    """Appends entries from any thread; `flush` hands them to the operating system."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("ab", buffering=64 * 1024)
        self._lock = threading.Lock()

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Add one entry."""
        body = json.dumps([kind, data], separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        with self._lock:
            self._file.write(line)

    def flush(self) -> None:
        """Hand everything so far to the operating system: it survives the process."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()

    def close(self) -> None:
        """Flush and close; a second close does nothing."""
        with self._lock:
            self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """Every whole entry, in order; a line that fails its checksum is left out."""
    with path.open("rb") as file:
        for line in file:
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body):
                kind, data = json.loads(body)
                yield Entry(kind, data)
