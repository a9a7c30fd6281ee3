"""Whatever holds rows, as columns: features, labels, and what only names a row."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest.arrow import arrow_block
from repro.digest.block import Block
from repro.digest.cells import kind_of, plain_array
from repro.digest.columns import NAMED, array_blocks, objects_block
from repro.digest.named import digest_json
from repro.errors import UnsupportedData


@dataclass(frozen=True)
class Table:
    """The content of one data set, as columns."""

    kind: str
    features: tuple[Block, ...]
    labels: tuple[Block, ...]
    names: tuple[Block, ...] = ()  # part of the content, and no reason for two rows to differ

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All columns."""
        return self.features + self.labels + self.names

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.blocks[0].values.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of columns, labels included."""
        return sum(block.n_columns for block in self.blocks)

    @property
    def schema(self) -> str:
        """Digest of the column names and dtypes, in order; the name 0 is not the name "0"."""
        return digest_json(
            [
                [block.names, block.dtype, *([block.label] if block.label else ())]
                for block in self.blocks
            ]
        )

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> "Table":
        """The same columns, these rows."""

        def chosen(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
            return tuple(block.take(rows) for block in blocks)

        return Table(self.kind, chosen(self.features), chosen(self.labels), chosen(self.names))


def table(data: object) -> Table:
    """The columns of an array, tensor, table, `(X, y)` pair or torch Dataset made of tensors.

    Raises
    ------
    UnsupportedData
        The object's content cannot be read as rows and columns.
    """
    if isinstance(data, tuple) and len(data) == 2:
        features, labels = data
        return _same_length(Table("pair", _blocks(features, "x"), _blocks(labels, "label")))
    if isinstance(data, dict) and {"data", "target"} <= data.keys():  # scikit-learn's Bunch
        parts = _blocks(data["data"], "x"), _blocks(data["target"], "label")
        return _same_length(Table("bunch", *parts))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.utils.data.Dataset):
        return _dataset_table(data, torch.utils.data)
    return Table(type(data).__name__, _blocks(data, "x"), ())


def _dataset_table(data: Any, library: Any) -> Table:
    if isinstance(data, library.TensorDataset):
        first, *others = data.tensors
        labels = tuple(block for tensor in others for block in _blocks(tensor, "label"))
        return _same_length(Table("TensorDataset", _blocks(first, "x"), labels))
    if isinstance(data, library.Subset):
        return table(data.dataset).take(data.indices)
    if isinstance(data, library.ConcatDataset):
        return _one_after_another([table(part) for part in data.datasets])
    raise _unsupported(data)


def _one_after_another(parts: Sequence[Table]) -> Table:
    first = parts[0]
    if len({(part.schema, len(part.features)) for part in parts}) > 1:
        raise UnsupportedData("the parts of ConcatDataset have other columns or dtypes.")

    def joined(columns: Sequence[tuple[Block, ...]]) -> tuple[Block, ...]:
        together = zip(*columns, strict=True)
        return tuple(
            Block(same[0].names, np.concatenate([block.values for block in same]), same[0].dtype)
            for same in together
        )

    features = joined([part.features for part in parts])
    return Table(first.kind, features, joined([part.labels for part in parts]))


def _same_length(content: Table) -> Table:
    lengths = {int(block.values.shape[0]) for block in content.blocks}
    if len(lengths) > 1:
        raise UnsupportedData(
            f"features and labels differ in length: {sorted(lengths)}. "
            f"Hand over one label for each row."
        )
    return content


def _blocks(data: Any, name: str) -> tuple[Block, ...]:
    library = type(data).__module__.partition(".")[0]
    if library in _READERS:
        return _READERS[library](data, name)
    if hasattr(data, "tocsr") and hasattr(data, "toarray"):  # scipy sparse
        return (Block((f"{name}[{data.shape[1]}]",), data.tocsr()),)
    if hasattr(data, "__arrow_c_stream__"):  # duckdb and whatever else speaks arrow
        import pyarrow as pa

        return _arrow_blocks(pa.table(data), name)
    if not isinstance(data, list | tuple | range) and not hasattr(data, "__array__"):
        raise _unsupported(data)
    return array_blocks(data, name)


def _tensor_blocks(data: Any, name: str) -> tuple[Block, ...]:
    if not hasattr(data, "detach"):
        raise _unsupported(data)
    try:
        return array_blocks(plain_array(data), name)
    except (TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UnsupportedData(f"cannot read rows from Tensor: {reason}.") from error


def _pandas_blocks(data: Any, name: str) -> tuple[Block, ...]:
    import pandas as pd

    if not isinstance(data, pd.DataFrame):
        series = pd.Series(data)
        return (_named_block(series, name if series.name is None else series.name),)
    _refuse_no_columns(list(data.columns))
    return tuple(_named_block(data.iloc[:, i], name) for i, name in enumerate(data.columns))


def _named_block(series: Any, name: object) -> Block:
    block = _series_block(series, str(name))
    kind = kind_of(type(name))
    return block if kind == "text" else replace(block, label=kind)


def _series_block(series: Any, name: str) -> Block:
    dtype = series.dtype
    if str(dtype).startswith("Sparse"):
        return _series_block(series.sparse.to_dense(), name)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return Block((name,), series.to_numpy().reshape(-1, 1), NAMED.get(dtype.kind))
    if isinstance(dtype, np.dtype):
        return objects_block(name, series.tolist())
    if hasattr(dtype, "tz"):
        utc = series.dt.tz_convert(None).to_numpy().reshape(-1, 1)
        return Block((name,), utc, f"datetime[{dtype.tz}]")
    import pyarrow as pa

    try:
        return arrow_block(name, pa.array(series, from_pandas=True))
    except (pa.ArrowException, TypeError, UnicodeEncodeError):  # nothing that arrow knows
        return objects_block(name, series.tolist())


def _polars_blocks(data: Any, name: str) -> tuple[Block, ...]:
    pl = sys.modules["polars"]  # it made the data
    if isinstance(data, pl.LazyFrame):
        raise UnsupportedData("a LazyFrame has no rows yet. Pass frame.collect().")
    if isinstance(data, pl.Series):
        return (_polars_block(data.name or name, data),)
    _refuse_no_columns(data.columns)
    return tuple(_polars_block(column.name, column) for column in data.get_columns())


def _polars_block(name: str, column: Any) -> Block:
    if "Object" in str(column.dtype):
        return objects_block(name, column.to_list())
    return arrow_block(name, column.to_arrow())


def _arrow_blocks(data: Any, name: str) -> tuple[Block, ...]:
    if not hasattr(data, "column_names"):
        return (arrow_block(name, data),)
    _refuse_no_columns(data.column_names)
    return tuple(arrow_block(str(n), data.column(i)) for i, n in enumerate(data.column_names))


_READERS = {
    "pandas": _pandas_blocks,
    "polars": _polars_blocks,
    "pyarrow": _arrow_blocks,
    "torch": _tensor_blocks,
}


def _refuse_no_columns(names: Sequence[object]) -> None:
    if not len(names):
        raise UnsupportedData("a data frame without columns has no rows. Pass its columns.")


def _unsupported(data: object) -> UnsupportedData:
    if isinstance(data, str):
        return UnsupportedData(
            f"cannot read rows from the text {data[:100]!r}. "
            f"Pass pathlib.Path(...) for a file or folder, or the table that it holds."
        )
    return UnsupportedData(
        f"cannot read rows from {type(data).__name__}. "
        f"Pass an array, a tensor, a data frame, a pair (X, y), a torch Dataset or a pathlib.Path."
    )
