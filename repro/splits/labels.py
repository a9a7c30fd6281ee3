"""Labels of rows (groups, row identities) as codes and names: small, comparable, storable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.digest import canonical_json
from repro.errors import SplitError
from repro.splits.parameters import Scalar
from repro.splits.rows import read_values
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
    values = read_values(source, data, name)
    shape = getattr(values, "shape", (0,))
    if len(shape) != 1:
        raise SplitError(f"{name} must have one value per row; it has shape {shape}.")
    codes, names = pd.factorize(pd.Index(values))  # type: ignore[call-overload]  # anything may come in
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise SplitError(
            f"{name} is missing in {len(missing)} of {len(codes)} rows, first in row {missing[0]}. "
            f"Drop these rows, or give each its own value."
        )
    return Labels(codes.astype(np.int64), tuple(_plain(value) for value in names.tolist()))


def _plain(value: object) -> Scalar:
    return value if isinstance(value, (str, bool, int, float)) else str(value)
