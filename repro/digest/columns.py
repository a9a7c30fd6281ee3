"""Columns of numpy arrays, and of python objects whose kind only the objects know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest import cells
from repro.digest.block import Block
from repro.digest.words import NUMBERS, Mask
from repro.errors import UnsupportedData

NAMED = {"M": "datetime", "m": "duration"}
NS_PER_US = 1_000
_DTYPES: dict[str, tuple[type, ...]] = {
    "bool": (np.bool_,),
    "int": (np.int64, np.uint64),
    "float": (np.float64,),
    "complex": (np.complex128,),
    "longdouble": (np.longdouble,),
    "clongdouble": (np.clongdouble,),
}


def array_blocks(data: Any, name: str) -> tuple[Block, ...]:
    """Columns of an array, a masked or structured array, or a list of rows."""
    values, hidden = _values(data)
    if values.ndim == 0:
        raise UnsupportedData(f"a single value ({values!r}) has no rows. Pass an array of rows.")
    if values.dtype.names:
        return tuple(
            block
            for field in values.dtype.names
            for block in array_blocks(_masked(values[field], hidden, field), field)
        )
    shape = (len(values), -1) if len(values) else (0, 1)
    flat = values.reshape(shape)
    missing = None if hidden is None or not hidden.any() else hidden.reshape(flat.shape)
    names = (f"{name}{list(values.shape[1:])}",)
    kind = values.dtype.kind
    if kind == "O":
        flat = _with_none(flat, missing)
        if values.ndim == 1:
            return (objects_block(names[0], flat[:, 0].tolist()),)
        columns = range(flat.shape[1])
        return tuple(objects_block(f"{name}[{j}]", flat[:, j].tolist()) for j in columns)
    if kind in NUMBERS:
        return (Block(names, flat, NAMED.get(kind), missing),)
    hashes = _hashed(_with_none(flat, missing).reshape(-1).tolist()).reshape(flat.shape)
    return (Block(names, hashes, {"S": "bytes", "V": "bytes"}.get(kind, "text")),)


def objects_block(name: str, values: Sequence[Any]) -> Block:
    """A column of python objects, as the dtype that they all have; else each by its own kind."""
    missing = np.fromiter(map(cells.is_missing, values), dtype=bool, count=len(values))
    types = {type(value) for value in values}
    kinds = {cells.kind_of(kind) for kind in types}
    if missing.any():
        present = {type(value) for value, gone in zip(values, missing, strict=True) if not gone}
        kinds = {cells.kind_of(kind) for kind in present}
    kind = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "text"
    if kind in _DTYPES:
        numbers = _numbers(kind, values, missing)
        if numbers is not None:
            return Block((name,), numbers, None, missing.reshape(-1, 1) if missing.any() else None)
    if kind in ("datetime", "date", "time", "duration"):
        return Block((name,), _times(kind, values, missing), _time_dtype(kind, values, missing))
    return Block((name,), _hashed(values).reshape(-1, 1), "mixed" if kind == "other" else kind)


def _values(data: Any) -> tuple[npt.NDArray[Any], Mask | None]:
    """The array, and which of its cells are masked."""
    try:
        values = np.asarray(data)
        if isinstance(data, list | tuple) and values.dtype.kind not in NUMBERS:
            values = np.asarray(data, dtype=object)  # numpy would write 1 beside "a" as "1"
    except (TypeError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UnsupportedData(f"cannot read rows from {type(data).__name__}: {reason}.") from error
    hidden = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else None
    return values, hidden


def _masked(values: npt.NDArray[Any], hidden: Any, field: str) -> npt.NDArray[Any]:
    return values if hidden is None else np.ma.array(values, mask=hidden[field])


def _with_none(values: npt.NDArray[Any], missing: Mask | None) -> npt.NDArray[Any]:
    if missing is None:
        return values
    filled = values.astype(object)
    filled[missing] = None
    return filled


def _hashed(values: Sequence[Any]) -> npt.NDArray[np.void]:
    """Text repeats itself, and hashes once; values of other types may be equal and not the same."""
    if {type(value) for value in values} <= {str, type(None)}:
        return cells.hashed_text(values)
    return cells.hashed(values)


def _numbers(kind: str, values: Sequence[Any], missing: Mask) -> npt.NDArray[Any] | None:
    kept = [0 if gone else value for value, gone in zip(values, missing, strict=True)]
    for dtype in _DTYPES[kind]:
        try:
            return np.array(kept, dtype=dtype).reshape(-1, 1)
        except OverflowError:
            continue
    return None  # integers of more than 64 bits


def _times(kind: str, values: Sequence[Any], missing: Mask) -> npt.NDArray[Any]:
    pairs = zip(values, missing, strict=True)
    numbers = [None if gone else cells.nanoseconds(value) for value, gone in pairs]
    unit = "ns"
    if any(number is not None and abs(number) >= 2**63 for number in numbers):
        if any(number is not None and number % NS_PER_US for number in numbers):
            raise UnsupportedData("times finer than microseconds reach beyond 1677 to 2262.")
        numbers = [None if number is None else number // NS_PER_US for number in numbers]
        unit = "us"
    nat = np.iinfo(np.int64).min
    whole = np.array([nat if number is None else number for number in numbers], dtype=np.int64)
    return whole.view(f"{'M' if kind in ('datetime', 'date') else 'm'}8[{unit}]").reshape(-1, 1)


def _time_dtype(kind: str, values: Sequence[Any], missing: Mask) -> str:
    present = (value for value, gone in zip(values, missing, strict=True) if not gone)
    zones = {str(zone) for value in present if (zone := getattr(value, "tzinfo", None)) is not None}
    return f"{kind}[{', '.join(sorted(zones))}]" if zones and kind == "datetime" else kind
