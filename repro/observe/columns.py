"""Looks at the columns of a data set: digest, distinct and missing values of each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest import Block, RowHashes, Table, digest_bytes, ordered_digest, row_hashes
from repro.digest.block import chunks
from repro.digest.cells import MISSING
from repro.digest.row_set import RowSet
from repro.digest.words import MISSING as GONE
from repro.digest.words import NUMBERS, Mask, Words
from repro.facts.data import Column

CELLS = 20_000_000  # values counted of one data set: beyond, some columns are left out
COLUMNS = 1_000  # told apart in one block, and in all; more are looked at as one
TOGETHER = 64  # columns cut out of a matrix at once
NAN = np.array([np.nan]).view(np.uint64)
NAT = np.array([np.iinfo(np.int64).min]).view(np.uint64)
VALUES = 1_000  # distinct ones of a column, up to which they are kept
MISSING_CELL = np.frombuffer(MISSING, dtype=np.uint64)


@dataclass(frozen=True)
class Counts:
    """The distinct values of a column as 64 bits each, and how often each stands there."""

    keys: npt.NDArray[np.uint64]  # sorted; missing ones are none of them
    n_rows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ColumnsLook:
    """What the columns say, and how far they tell rows apart."""

    columns: tuple[Column, ...]
    distinct_share: float  # distinct values / rows, of the most distinctive column
    match_probability: float  # of two rows being equal by chance, were columns independent
    values: Mapping[str, Counts] = field(default_factory=dict)  # of columns that hold few


def look(content: Table, features: RowHashes | None = None) -> ColumnsLook:
    """Digests of all columns, and statistics of as many as can be counted.

    `features` are the hashes of the features, if they are known already.
    """
    stride = max(1, content.n_columns * content.n_rows // CELLS)
    columns: list[Column] = []
    values: dict[str, Counts] = {}
    shares, log_match, position = [0.0], 0.0, 0
    for block in content.blocks:
        for one in each(block):
            is_counted = position % stride == 0
            position += 1
            if is_counted:
                shares.append(len(one.counts) / content.n_rows)
                log_match += float(np.log(((one.counts / content.n_rows) ** 2).sum()))
                is_float = block.values.dtype.kind in "fcmM"
                if not is_float and not is_whole(block) and len(one.values.keys) <= VALUES:
                    values[one.name] = one.values
            if not is_whole(block):
                columns.append(one.column(is_counted))
        if is_whole(block):
            is_features = len(content.features) == 1 and block is content.features[0]
            columns.append(_together(_base(block), [block], features if is_features else None))
    if len(columns) > COLUMNS:
        columns = [_together(f"{content.n_columns} columns", content.blocks)]
        values = {}
    match = float(np.exp(log_match))
    return ColumnsLook(tuple(_named_apart(columns)), max(shares), match, values)


@dataclass(frozen=True)
class One:
    """A column; what it costs is paid when it is asked for."""

    name: str
    block: Block

    @cached_property
    def words(self) -> Words:
        """Its cells in canonical form."""
        return self.block.words()

    @cached_property
    def missing(self) -> Mask:
        """Which of them have no value."""
        return _missing(self.block, self.words)[:, 0]

    @cached_property
    def values(self) -> Counts:
        """What is not missing."""
        keys = _keys(self.block, self.words)[~self.missing]
        return Counts(*np.unique(keys, return_counts=True))

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each distinct value stands there; the missing ones are one value."""
        n_missing = int(self.missing.sum())
        return np.append(self.values.n_rows, n_missing) if n_missing else self.values.n_rows

    @property
    def numbers(self) -> npt.NDArray[Any] | None:
        """Those that are there, infinite ones too; None: they are no numbers."""
        values: Any = self.block.values
        if values.dtype.kind not in "iuf":
            return None
        dense = values.toarray() if hasattr(values, "toarray") else values
        return np.asarray(dense[:, 0][~self.missing] if self.missing.any() else dense[:, 0])

    def span(self) -> tuple[float, float] | None:
        """The lowest and the highest finite number."""
        numbers = self.numbers
        if numbers is None or not len(numbers):
            return None
        low, high = numbers.min(), numbers.max()
        if not np.isfinite(low) or not np.isfinite(high):
            finite = numbers[np.isfinite(numbers)]
            if not len(finite):
                return None
            low, high = finite.min(), finite.max()
        return float(low), float(high)

    def column(self, is_counted: bool) -> Column:
        """What is recorded of it."""
        n_missing = int(self.missing.sum())
        marks = b"" if self.words.marks is None else self.words.marks.tobytes()
        lowest, highest = self.span() or (None, None)
        return Column(
            name=self.name,
            dtype=self.block.dtype,
            digest=digest_bytes(np.ascontiguousarray(self.words.values).data.cast("B"), marks),
            n_distinct=len(self.values.keys) if is_counted else None,
            n_missing=n_missing,
            lowest=lowest,
            highest=highest,
        )


def each(block: Block) -> Iterator["One"]:
    """Its columns one by one, with the names that they have in the record."""
    # Some columns at a time, side by side: one alone would cost a pass over the whole matrix.
    for start in range(0, block.n_columns, TOGETHER):
        part = block.columns(start, start + TOGETHER)
        values: Any = part.values
        is_sparse = hasattr(values, "tocsc")
        part = replace(part, values=values.tocsc() if is_sparse else np.asfortranarray(values))
        for j in range(part.n_columns):
            name = block.names[0] if block.n_columns == 1 else f"{_base(block)}[{start + j}]"
            yield One(name.removesuffix("[]"), part.columns(j, j + 1))


def is_whole(block: Block) -> bool:
    """Whether the block is looked at as one thing, and not as a row of columns."""
    return is_picture(block) or block.n_columns > COLUMNS


def is_picture(block: Block) -> bool:
    """Whether its columns are the cells of a larger array: of a picture, a sequence."""
    return block.n_columns > 1 and "," in block.names[0]


def _base(block: Block) -> str:
    return block.names[0].partition("[")[0]


def _missing(block: Block, found: Words) -> Mask:
    """Which cells have no value; shape (n_rows, n_columns)."""
    words = found.values.reshape(len(found.values), block.n_columns, -1)
    kind = block.values.dtype.kind
    if kind not in NUMBERS:
        return np.asarray((words == MISSING_CELL).all(axis=2))
    if kind in "fcmM":
        return np.asarray((words == (NAN if kind in "fc" else NAT)).any(axis=2))
    if found.marks is None:
        return np.zeros(words.shape[:2], dtype=bool)
    return np.asarray(found.marks == GONE)


def _keys(block: Block, found: Words) -> npt.NDArray[np.uint64]:
    """64 bits that stand for the value: its word, or half of its hash."""
    is_hash = block.values.dtype.kind not in NUMBERS
    has_words = found.values.shape[1] == 1 and (found.marks is None or found.marks.max() <= GONE)
    return found.values[:, 0] if is_hash or has_words else row_hashes([block])[:, 0]


def _together(name: str, blocks: Sequence[Block], known: RowHashes | None = None) -> Column:
    """Columns that are too many to tell apart, as one: its cells are the rows."""
    rows = row_hashes(blocks) if known is None else known
    dtypes = {block.dtype for block in blocks}
    may_miss = [b for b in blocks if b.missing is not None or b.values.dtype.kind not in "biu"]
    parts = (block for part in (chunks(may_miss) if may_miss else ()) for block in part)
    n_missing = sum(int(_missing(block, block.words()).sum()) for block in parts)
    return Column(
        name=name,
        dtype=dtypes.pop() if len(dtypes) == 1 else "mixed",
        digest=ordered_digest(rows),
        n_distinct=len(RowSet.of(rows, limit=len(rows)).hashes),
        n_missing=n_missing,
    )


def _named_apart(columns: Sequence[Column]) -> Iterator[Column]:
    """Names are paths in a record: the second `a` is `a (2)`."""
    seen: Counter[str] = Counter()
    for column in columns:
        seen[column.name] += 1
        n = seen[column.name]
        yield column if n == 1 else column.model_copy(update={"name": f"{column.name} ({n})"})
