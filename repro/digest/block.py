"""Neighbouring columns of one dtype, and their canonical words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest.cells import CELL, hashed
from repro.digest.words import NUMBERS, Mask, Words, words

CHUNK_BYTES = 64 * 2**20  # canonical bytes held at once


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of one dtype: `values` has shape (n_rows, n_columns).

    `values` are numbers, times, cells that are hashed already, objects to be hashed one by one, or
    a sparse matrix of scipy. `missing` is for dtypes that have no value of their own for it.
    """

    names: tuple[str, ...]
    values: npt.NDArray[Any]
    said_dtype: str | None = None  # for what numpy has no name: text, category[text], decimal
    missing: Mask | None = None
    label: str | None = None  # kind of the column's name, if that is no text

    @property
    def dtype(self) -> str:
        """Name of the dtype, the same whatever library the columns come from."""
        return self.said_dtype or str(self.values.dtype.newbyteorder("="))

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64] | slice) -> "Block":
        """The same columns, these rows."""
        chosen = rows if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        missing = None if self.missing is None else self.missing[chosen]
        return replace(self, values=self.values[chosen], missing=missing)

    def columns(self, start: int, stop: int) -> "Block":
        """Some of the columns."""
        missing = None if self.missing is None else self.missing[:, start:stop]
        return replace(self, values=self.values[:, start:stop], missing=missing)

    def words(self) -> Words:
        """Canonical form of all cells."""
        values: Any = self.values
        if hasattr(values, "toarray"):
            values = values.toarray()
        if values.dtype.kind in NUMBERS:
            return words(values, self.missing)
        if values.dtype != CELL:
            values = hashed(values.reshape(-1).tolist()).reshape(values.shape)
        return Words(np.ascontiguousarray(values).view(np.uint64))


def chunks(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """The blocks, some rows at a time: canonical bytes are up to eight times the content."""
    n_rows = blocks[0].values.shape[0]
    row_bytes = 16 * sum(block.n_columns for block in blocks)
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    for start in range(0, n_rows, step):
        yield [block.take(slice(start, start + step)) for block in blocks]
