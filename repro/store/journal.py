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
    """Appends entries from any thread; what was appended survives the process.

    A disk that takes no more must not end a training: why it refused is kept in `failure`.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.failure: str | None = None
        self._file = path.open("ab", buffering=0)  # a buffer would be lost with the process
        self._lock = threading.Lock()

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Hand one entry to the operating system."""
        body = json.dumps([kind, data], separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        with self._lock:
            try:
                # After a failure the last line may be torn: a new one begins.
                written = self._file.write(b"\n" + line if self.failure else line)
                if written < len(line):
                    self.failure = f"only {written} of {len(line)} bytes were written"
            except OSError as error:
                self.failure = error.strerror

    def close(self) -> None:
        """Close; a second close does nothing."""
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
