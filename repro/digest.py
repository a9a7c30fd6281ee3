"""What a digest is: one algorithm, and the canonical bytes of everything that is digested.

A digest names its algorithm (`blake3:9f2c...`). Rows are hashed one by one (xxh3, 128 bits), so
that the same rows in another order, or cut into other splits, can be recognised as the same rows.

Canonical form of a value: floats as float64 with one NaN and no negative zero, integers and
booleans as int64, times as nanoseconds (UTC), text and everything else as a hash of its UTF-8 text.
The dtype belongs to the schema digest, not to the row: equal content gives equal row hashes.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from xxhash import xxh3_128_digest

from repro.errors import UnsupportedData

RowHashes = npt.NDArray[np.uint64]  # shape (n_rows, 2): 128 bits a row

CHUNK_BYTES = 64 * 2**20  # canonical bytes held at once while rows are hashed


def digest_bytes(*chunks: bytes | bytearray | memoryview) -> str:
    """Digest of the chunks as if they were one."""
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return f"blake3:{hasher.hexdigest()}"


def digest_json(value: object) -> str:
    """Digest of a JSON value, whatever the order of its keys."""
    return digest_bytes(canonical_json(value).encode())


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # Bytes of a path that are no UTF-8 come as lone surrogates; JSON's escape for them is the same.
    return text.encode("utf-8", "backslashreplace").decode()


def digest_file(path: Path) -> str:
    """Digest of a file's bytes, read in pieces."""
    hasher = blake3()
    hasher.update_mmap(path)
    return f"blake3:{hasher.hexdigest()}"


def short(digest: str) -> str:
    """The first eight hexadecimal digits: for people, tags and tables.

    >>> short("blake3:0123456789abcdef")
    '01234567'
    """
    return digest.rpartition(":")[2][:8]


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of one dtype: `values` has shape (n_rows, n_columns)."""

    names: tuple[str, ...]
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Table:
    """The content of one data set, as columns: features, then labels."""

    kind: str
    features: tuple[Block, ...]
    labels: tuple[Block, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len((self.features + self.labels)[0].values)

    @property
    def n_columns(self) -> int:
        """Number of columns, labels included."""
        return sum(block.values.shape[1] for block in self.features + self.labels)

    @property
    def schema(self) -> str:
        """Digest of the column names and dtypes, in order."""
        blocks = self.features + self.labels
        return digest_json([[block.names, str(block.values.dtype)] for block in blocks])

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> "Table":
        """The same columns, these rows."""

        def chosen(block: Block) -> Block:
            return Block(block.names, block.values[np.asarray(rows, dtype=np.int64)])

        return Table(self.kind, tuple(map(chosen, self.features)), tuple(map(chosen, self.labels)))


def row_hashes(blocks: Sequence[Block]) -> RowHashes:
    """One 128-bit hash a row over all columns of the blocks; shape (n_rows, 2)."""
    n_rows = len(blocks[0].values)
    row_bytes = 8 * sum(block.values.shape[1] for block in blocks)
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    digests = bytearray()
    text = {id(block): _text_hashes(block.values) for block in blocks if _is_text(block.values)}
    for start in range(0, n_rows, step):
        part = slice(start, start + step)
        words = [
            text[id(block)][part] if id(block) in text else _words(block.values[part])
            for block in blocks
        ]
        matrix = np.ascontiguousarray(np.hstack(words))
        for row in matrix:
            digests += xxh3_128_digest(row)
    return np.frombuffer(bytes(digests), dtype=np.uint64).reshape(n_rows, 2)


def ordered_digest(rows: RowHashes) -> str:
    """Digest of the rows in their order."""
    return digest_bytes(np.ascontiguousarray(rows).data.cast("B") if len(rows) else b"")


def multiset_digest(*parts: RowHashes) -> str:
    """Digest of the rows of all parts together, whatever their order; repeated rows count."""
    total = np.zeros(2, dtype=np.uint64)
    for rows in parts:
        total = total + rows.sum(axis=0, dtype=np.uint64)  # wraps around: a sum modulo 2**64
    n_rows = sum(len(rows) for rows in parts)
    return digest_bytes(n_rows.to_bytes(8, "little"), total.tobytes())


def table(data: object) -> Table:
    """The columns of an array, tensor, table, `(X, y)` pair or torch TensorDataset.

    Raises
    ------
    UnsupportedData
        The object's content cannot be read as rows and columns.
    """
    if isinstance(data, tuple) and len(data) == 2:
        features, labels = data
        return _paired("pair", features, labels)
    if isinstance(data, dict) and {"data", "target"} <= data.keys():  # scikit-learn's Bunch
        return _paired("bunch", data["data"], data["target"])
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.utils.data.TensorDataset):
        first, *others = data.tensors
        labels = tuple(block for tensor in others for block in _blocks(tensor, "label"))
        return _same_length(Table("TensorDataset", _blocks(first, "x"), labels))
    if torch is not None and isinstance(data, torch.utils.data.Subset):
        return table(data.dataset).take(data.indices)
    return Table(type(data).__name__, _blocks(data, "x"), ())


def _paired(kind: str, features: object, labels: object) -> Table:
    return _same_length(Table(kind, _blocks(features, "x"), _blocks(labels, "label")))


def _same_length(content: Table) -> Table:
    lengths = {len(block.values) for block in content.features + content.labels}
    if len(lengths) > 1:
        raise UnsupportedData(
            f"features and labels differ in length: {sorted(lengths)}. "
            f"Hand over one label for each row."
        )
    return content


def _blocks(data: Any, name: str) -> tuple[Block, ...]:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.Tensor):
        tensor = data.detach().cpu()
        return (_block(tensor.float() if tensor.dtype == torch.bfloat16 else tensor, name),)
    if hasattr(data, "to_pandas"):  # polars and pyarrow tables
        data = data.to_pandas()
    if hasattr(data, "dtypes") and hasattr(data, "columns"):  # pandas.DataFrame
        if not len(data.columns):
            raise UnsupportedData("a data frame without columns has no rows. Pass its columns.")
        return tuple(_series(data.iloc[:, i], str(name)) for i, name in enumerate(data.columns))
    if type(data).__module__.startswith("pandas."):
        return (_series(data, str(getattr(data, "name", None) or name)),)
    if hasattr(data, "tocsr") and hasattr(data, "toarray"):  # scipy sparse
        return (_block(data.toarray(), name),)
    if not isinstance(data, list | tuple | range) and not hasattr(data, "__array__"):
        raise UnsupportedData(
            f"cannot read rows from {type(data).__name__}. "
            f"Pass an array, a tensor, a data frame, a pair (X, y) or a torch Dataset."
        )
    return (_block(data, name),)


def _block(data: Any, name: str) -> Block:
    try:
        values = np.asarray(data)
    except (TypeError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UnsupportedData(f"cannot read rows from {type(data).__name__}: {reason}.") from error
    if values.ndim == 0:
        raise UnsupportedData(f"a single value ({values!r}) has no rows. Pass an array of rows.")
    flat = values.reshape(len(values), -1) if len(values) else values.reshape(0, 1)
    return Block((f"{name}{list(values.shape[1:])}",), flat)


def _series(series: Any, name: str) -> Block:
    if str(series.dtype).startswith("datetime64[") and "," in str(series.dtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    values = series.to_numpy()
    return Block((name,), np.asarray(values).reshape(len(values), 1))


def _is_text(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind not in "biufcmM"


def _words(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Numbers and times in canonical form, as 64-bit words of the same shape."""
    kind = values.dtype.kind
    if kind == "c":
        return _words(np.ascontiguousarray(values, dtype=np.complex128).view(np.float64))
    if kind == "f":
        wide = values.astype(np.float64) + 0.0  # turns -0.0 into 0.0
        wide[np.isnan(wide)] = np.nan
        return wide.view(np.uint64)
    if kind in "mM":
        wide = values.astype(f"{kind}8[ns]").astype(np.int64)
        return wide.view(np.uint64)
    if kind == "u":
        return values.astype(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def _text_hashes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A 128-bit hash of each value's text, once for each distinct value; two words a value."""
    seen: dict[str, bytes] = {}
    out = bytearray()
    for value in values.reshape(-1).tolist():
        text = _text(value)
        if text not in seen:
            seen[text] = xxh3_128_digest(text.encode("utf-8", "surrogatepass"))
        out += seen[text]
    return np.frombuffer(bytes(out), dtype=np.uint64).reshape(len(values), 2 * values.shape[1])


def _text(value: Any) -> str:
    """Type and text of a value; whatever stands for a missing one is the same."""
    if hasattr(value, "tolist"):  # numpy and torch leave out the middle of a long array
        value = value.tolist()
    kind = type(value).__name__
    if value is None or kind == "NAType" or (not isinstance(value, list) and value != value):
        return "missing:"
    return f"{kind}:{value}"


def shared_rows(left: RowHashes, right: RowHashes) -> int:
    """How many rows of `right` also stand in `left`."""
    return int(np.isin(_as_void(right), _as_void(left)).sum())


def _as_void(rows: RowHashes) -> npt.NDArray[Any]:
    return np.ascontiguousarray(rows).view([("high", np.uint64), ("low", np.uint64)]).reshape(-1)


def digest_set(items: Iterable[str]) -> str:
    """Digest of a set of strings."""
    return digest_json(sorted(set(items)))
