"""The file that a trace grows in, while the training goes on."""

from pathlib import Path

from repro.trace.format import Event, Writer, segment_path

BYTES = 64 * 2**20  # then half of the steps, and again after each further piece
PIECE = 8 * 2**20
MAX_BYTES = 128 * 2**20


class TraceFile:
    """Lines in memory, which another thread appends to a file; a kill costs half a second."""

    def __init__(self, level: str, segment: int = 1) -> None:
        self.path = segment_path(segment)
        self.is_complete = False  # nothing will be added
        self._writer = Writer(level)
        self._lines: list[bytes] = [self._writer.head]
        self._n_bytes = len(self._writer.head)
        self._slow_at = BYTES
        self._n_written = self._n_written_bytes = 0

    @property
    def chain(self) -> str:
        """Digest of all events."""
        return self._writer.chain

    @property
    def is_full(self) -> bool:
        """Whether no more steps are taken."""
        return self._n_bytes >= MAX_BYTES

    def add(self, event: Event) -> None:
        """Take an event; called by the thread that trains."""
        lines = self._writer.lines(event)
        self._lines.append(lines)
        self._n_bytes += len(lines)

    def is_due_to_slow_down(self) -> bool:
        """Whether it has become so large since it was asked the last time."""
        is_due = self._n_bytes >= self._slow_at
        self._slow_at += PIECE if is_due else 0
        return is_due

    def flush(self, folder: Path) -> None:
        """Append what is new; where someone has touched the file, write it again."""
        n_lines = len(self._lines)
        if n_lines == 1:
            return
        file = folder / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.stat().st_size != self._n_written_bytes:
            self._n_written = self._n_written_bytes = 0
        content = b"".join(self._lines[self._n_written : n_lines])
        with file.open("ab" if self._n_written else "wb") as opened:
            opened.write(content)
        self._n_written, self._n_written_bytes = n_lines, self._n_written_bytes + len(content)

    def evidence(self) -> dict[str, bytes]:
        """The artifact, once it is complete; until then it grows by `flush`."""
        return {self.path: self.content()} if self.is_complete and len(self._lines) > 1 else {}

    def content(self) -> bytes:
        """All of it."""
        return b"".join(self._lines)
