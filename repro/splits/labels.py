"""Labels of rows (groups, row identities) as codes and names: small, comparable, storable."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.digest import canonical_json
from repro.errors import SplitError
from repro.splits.parameters import Scalar
from repro.splits.rows import plain_values, read_values
from repro.splits.times import IntArray


@dataclass(frozen=True, eq=False)
class Labels:
    """The label of row i is `names[codes[i]]`; names stand in order of appearance."""

    codes: IntArray
    names: tuple[Scalar, ...]

    def name(self, row: int) -> Scalar:
        """The label of one row."""
        return self.names[int(self.codes[row])]

    def values(self) -> NDArray[np.object_]:
        """The labels of all rows."""
        names = np.empty(len(self.names), dtype=object)
        names[:] = self.names
        return names[self.codes]

    def digest(self) -> str:
        """Digest of all labels in the order of the rows."""
        content = canonical_json(self.names).encode() + self.codes.astype("<i8").tobytes()
        return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_labels(source: object, data: object, name: str) -> Labels:
    """One label per row of X, none of them missing."""
    values = plain_values(read_values(source, data, name))
    shape = getattr(values, "shape", (0,))
    if len(shape) != 1:
        raise SplitError(f"{name} must have one value per row; it has shape {shape}.")
    # An index of an array of objects would first convert all of its strings: 3 s per 1e7 rows.
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "iufbO"):
        values = pd.Index(values)  # type: ignore[call-overload]  # anything may come in
    assert isinstance(values, (np.ndarray, pd.Index))
    codes, names = _factorized(values, name)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise SplitError(
            f"{name} is missing in {len(missing)} of {len(codes)} rows, first in row {missing[0]}. "
            f"Drop these rows, or give each its own value."
        )
    return Labels(codes.astype(np.int64, copy=False), _plain_names(names))


def _factorized(
    values: NDArray[np.generic] | pd.Index, name: str
) -> tuple[NDArray[np.intp], NDArray[np.generic] | pd.Index]:
    try:
        return pd.factorize(values)
    except TypeError as reason:  # such as a list, which has no hash
        odd = next((value for value in values if not isinstance(value, Hashable)), values[0])
        raise SplitError(
            f"{name} holds {odd!r}, a {type(odd).__name__}, which is no name: {reason}. "
            f"Give each row a text or a number."
        ) from reason


def plain_name(value: object) -> Scalar:
    """A label as JSON keeps it; what is no scalar goes by its text."""
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def _plain_names(names: NDArray[np.generic] | pd.Index) -> tuple[Scalar, ...]:
    values = names.tolist()
    if getattr(names.dtype, "kind", "O") not in "iufb":
        values = [plain_name(value) for value in values]
    return tuple(values)
