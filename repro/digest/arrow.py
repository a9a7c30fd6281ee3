"""Columns of arrow: what polars, pyarrow and the extension types of pandas have in common."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest import cells
from repro.digest.block import Block
from repro.digest.columns import objects_block
from repro.digest.named import digest_bytes, short

Array = Any  # pyarrow.Array: typed nowhere


def arrow_block(name: str, column: Any) -> Block:
    """One column; `column` is an array or a chunked array of pyarrow."""
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return replace(arrow_block(name, array.storage), said_dtype=_extension(kind))
    if pa.types.is_dictionary(kind):
        inner = _categories(name, array)
        order = f", {_order(array.dictionary)}" if kind.ordered else ""
        return replace(inner, said_dtype=f"category[{inner.dtype}{order}]")
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return _whole(name, array)
    if pa.types.is_floating(kind):
        return Block((name,), _numpy(array.fill_null(float("nan"))))
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return _times(name, array)
    return _hashed(name, array)


def _extension(kind: Any) -> str:
    """The type with its parameters, such as the side on which an interval is closed."""
    if not hasattr(kind, "__arrow_ext_serialize__"):  # arrow's own, which say them
        return str(kind)
    return f"{kind.extension_name}[{kind.__arrow_ext_serialize__().decode(errors='replace')}]"


def _order(categories: Array) -> str:
    hashes = cells.hashed(categories.to_pylist())
    return f"ordered {short(digest_bytes(hashes.tobytes()))}"


def _whole(name: str, array: Array) -> Block:
    import pyarrow as pa

    if not array.null_count:
        return Block((name,), _numpy(array))
    missing = array.is_null().to_numpy(zero_copy_only=False).reshape(-1, 1)
    anything = False if pa.types.is_boolean(array.type) else 0
    return Block((name,), _numpy(array.fill_null(anything)), None, missing)


def _times(name: str, array: Array) -> Block:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_date(kind):
        said, form = "date", "M8[D]" if pa.types.is_date32(kind) else "M8[ms]"
    elif pa.types.is_timestamp(kind):
        said, form = f"datetime[{kind.tz}]" if kind.tz else "datetime", f"M8[{kind.unit}]"
    else:
        said, form = "duration" if pa.types.is_duration(kind) else "time", f"m8[{kind.unit}]"
    bits = pa.int32() if kind.bit_width == 32 else pa.int64()
    whole = _numpy(array.view(bits).fill_null(0)).astype(np.int64)
    missing = array.is_null().to_numpy(zero_copy_only=False).reshape(-1, 1)
    return Block((name,), whole.view(form), said, missing if missing.any() else None)


def _categories(name: str, array: Array) -> Block:
    """Every cell by the value of its category."""
    if not len(array.dictionary):
        return objects_block(name, array.to_pylist())
    values = arrow_block(name, array.dictionary)
    chosen = values.take(_numpy(array.indices.fill_null(0))[:, 0].astype(np.int64))
    missing = array.is_null().to_numpy(zero_copy_only=False).reshape(-1, 1)
    if chosen.values.dtype == cells.CELL:
        gone = np.frombuffer(cells.MISSING, dtype=cells.CELL)
        return replace(chosen, values=np.where(missing, gone, chosen.values))
    missing = missing if chosen.missing is None else missing | chosen.missing
    return replace(chosen, missing=missing if missing.any() else None)


def _hashed(name: str, array: Array) -> Block:
    """Text, bytes and decimals hash once for each distinct value; lists and structs one by one."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_nested(kind):
        hashes = cells.hashed(_lists(array)).reshape(-1, 1)
        return Block((name,), hashes, "struct" if pa.types.is_struct(kind) else "list")
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        wide = pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary()
        return _hashed(name, array.cast(wide))
    try:
        encoded = array.dictionary_encode()
    except pa.ArrowException:  # a type without a hash table
        return objects_block(name, array.to_pylist())
    distinct = cells.hashed([*encoded.dictionary.to_pylist(), None])
    indices = _numpy(encoded.indices.fill_null(len(distinct) - 1))
    return Block((name,), distinct[indices], _said(kind))


def _lists(array: Array) -> Iterable[Any]:
    """The lists or structs; those of plain numbers as arrays, which cost a tenth of python's."""
    import pyarrow as pa

    kind = array.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if is_list and (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        inner = array.flatten()
        if pa.types.is_floating(kind.value_type) or not inner.null_count:
            return list(array.to_numpy(zero_copy_only=False))
    return list(array.to_pylist())


def _said(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return "decimal"
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if is_bytes or pa.types.is_fixed_size_binary(kind):
        return "bytes"
    return "text"  # a column of nothing, too


def _numpy(array: Array) -> npt.NDArray[Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False)).reshape(-1, 1)
