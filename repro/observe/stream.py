"""Looks at a torch IterableDataset: at what a loader hands out of it, as it passes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from repro.digest import Block, RowHashes, Table, digest_set
from repro.digest.cells import plain_array
from repro.digest.columns import array_blocks, objects_block
from repro.digest.row_set import RowSet
from repro.facts.fact import Absent
from repro.observe.data import Hashes, Look, look_at
from repro.observe.datasets import parts_of
from repro.observe.observer import observed

ROWS = 100_000  # hashed of one stream
CELLS = 100_000_000  # hashed of one stream; beyond, the rows pass unseen


class Stream:
    """The rows of one pass: the first one that came to its end, or to as many as are hashed."""

    def __init__(self, role: str, dataset: Any, notes: list[str]) -> None:
        self.role = role
        self._notes = notes
        self._kind = type(dataset).__name__
        self._is_complete = False
        self._parts: list[tuple[RowHashes, RowHashes, RowHashes]] = []
        self._schemas: set[str] = set()
        self._n_columns = self._n_rows = self._n_cells = 0

    def begin(self) -> None:
        """A pass over the data begins; one that was left early counts only if no other follows."""
        if not self._is_complete:
            self._forget()

    def saw(self, batch: Any) -> None:
        """A batch is handed out; it is read, and left as it is."""
        if self._is_complete:
            return
        failure = observed(lambda: self._add(_batch_table(self._kind, batch)))
        if isinstance(failure, Absent):
            self._notes.append(f"the rows of {self.role} are not recorded: {failure.reason}")
            self._forget()
            self._is_complete = True

    def end(self) -> None:
        """The pass over the data came to its end."""
        self._is_complete = True

    def look(self) -> Look | None:
        """What is known of the rows; None: there were none."""
        if not self._parts:
            return None
        hashes = Hashes(*(np.concatenate(same) for same in zip(*self._parts, strict=True)))
        schema, *others = self._schemas
        distinct = RowSet.of(hashes.features, limit=len(hashes.rows)).hashes
        described = {
            "role": self.role,
            "kind": self._kind,
            "reading": "seen",
            "n_columns": self._n_columns,
            "schema_digest": schema if not others else digest_set(self._schemas),
            "coverage": 0.0,
            "max_distinct_share": len(distinct) / len(hashes.rows),
        }
        return look_at(described, hashes, match_probability=0.0)  # no values were kept to tell it

    def _add(self, content: Table) -> None:
        found = Hashes.of(content)
        self._parts.append((found.rows, found.content, found.features))
        self._schemas.add(content.schema)
        self._n_columns = max(self._n_columns, content.n_columns)
        self._n_rows += content.n_rows
        self._n_cells += content.n_rows * content.n_columns
        self._is_complete = self._n_rows >= ROWS or self._n_cells >= CELLS

    def _forget(self) -> None:
        self._parts, self._schemas = [], set()
        self._n_columns = self._n_rows = self._n_cells = 0


def _batch_table(kind: str, batch: Any) -> Table:
    is_one = isinstance(batch, tuple | list) and not all(map(_is_part, batch))
    first, *others = (batch,) if is_one else parts_of(batch)
    labels = (block for part in others for block in _blocks(part, "label"))
    return Table(kind, tuple(_blocks(first, "x")), tuple(labels))


def _is_part(value: Any) -> bool:
    """Whether a value holds one thing for each sample, and is not one of them."""
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def _blocks(part: Any, name: str) -> Iterator[Block]:
    """A part of a batch, however it is nested: one row a sample."""
    if isinstance(part, Mapping):
        part = tuple(part.values())
    if isinstance(part, tuple | list) and part and _is_part(part[0]):
        for inner in part:
            yield from _blocks(inner, name)
    elif isinstance(part, tuple | list):
        yield objects_block(f"{name}[]", part)
    else:
        yield from array_blocks(plain_array(part), name)
