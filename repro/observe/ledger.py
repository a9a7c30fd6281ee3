"""Counts every look at a role of the data: who looks often enough finds what is not there."""

from collections.abc import Iterable
from datetime import UTC, datetime

from repro.facts.scores import Read

MAX_ENTRIES = 1_000  # about 300 kB of a record


class Ledger:
    """One entry for each role, metric and set of rows, however often they meet."""

    def __init__(self, reads: Iterable[Read] = ()) -> None:
        """`reads`: the entries so far, in a resumed run."""
        self._reads: dict[tuple[str, str | None, str | None], Read] = {
            (read.role, read.metric, read.rows_digest): read for read in reads
        }

    def look(
        self, role: str, metric: str, n_rows: int, rows_digest: str | None, *, step: int
    ) -> None:
        """Enter one look, now."""
        key: tuple[str, str | None, str | None] = (role, metric, rows_digest)
        is_new = key not in self._reads
        if is_new and len(self._reads) >= MAX_ENTRIES:
            key = (role, None, None)
        now = datetime.now(UTC)
        known = self._reads.get(key)
        if known is not None:
            changes = {"n_looks": known.n_looks + 1, "last_step": step, "last_at": now}
            self._reads[key] = known.model_copy(update=changes)
            return
        is_named = key[1] is not None
        self._reads[key] = Read(
            number=len(self._reads) + 1,
            role=role,
            metric=key[1],
            n_rows=n_rows if is_named else None,
            rows_digest=key[2],
            n_looks=1,
            first_step=step,
            last_step=step,
            first_at=now,
            last_at=now,
        )

    def n_looks(self, role: str) -> int:
        """How often this role was looked at."""
        return sum(read.n_looks for read in self._reads.values() if read.role == role)

    @property
    def reads(self) -> tuple[Read, ...]:
        """Every entry, in the order of first looks."""
        return tuple(self._reads.values())
