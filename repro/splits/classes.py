"""The classes that y holds, if it holds classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.labels import Labels, plain_name
from repro.splits.parameters import Scalar, unboxed
from repro.splits.rows import count_rows
from repro.splits.times import IntArray

MOST_INTEGERS = 20  # more distinct integers than this are taken for counts, not for classes
GLANCE = 10_000  # rows that show most integers that are no classes


def read_classes(y: Any, n_rows: int) -> Labels | str:
    """The classes of y: strings, booleans, categories, or at most 20 distinct integers.

    The code of a missing class is -1. Otherwise the reason why y has none.
    """
    if y is None:
        return "no y= was given"
    if count_rows(y) != n_rows:
        raise SplitError(f"y has {count_rows(y)} values, X has {n_rows} rows. Pass one per row.")
    values = y
    if not isinstance(y, (pd.Series, pd.Index, pd.Categorical)):
        try:
            values = np.asarray(y)
        except ValueError as reason:  # lists of several lengths
            return f"y holds no classes: {reason}"
        values = values.reshape(-1) if values.shape[1:] == (1,) else values
    if values.ndim != 1:
        return "y has several columns"
    index: pd.Index = pd.Index(values)
    kind = pd.api.types.infer_dtype(index[:GLANCE], skipna=True)
    if kind in ("floating", "decimal", "complex", "datetime", "datetime64", "timedelta64"):
        return "y holds no classes"
    if kind.endswith("integer") and index[:GLANCE].nunique() > MOST_INTEGERS:
        return f"y holds more than {MOST_INTEGERS} distinct integers; say required= for classes"
    try:
        codes, names = pd.factorize(index)
    except TypeError as reason:  # such as a list, which has no hash
        return f"y holds no classes: {reason}"
    if kind.endswith("integer") and len(names) > MOST_INTEGERS:
        return f"y holds more than {MOST_INTEGERS} distinct integers; say required= for classes"
    return Labels(codes, tuple(plain_name(name) for name in names.tolist()))


@dataclass(frozen=True, eq=False)
class Required:
    """A class or group that must have rows on both sides."""

    name: str  # class 'a'
    code: int
    codes: IntArray  # of all rows
    n_codes: int


def read_required(
    names: Iterable[object], classes: Labels | str, groups: Labels | None
) -> tuple[Required, ...]:
    """The required classes and groups; a name that neither y nor groups hold is refused."""
    if isinstance(names, (str, bytes)):
        raise SplitError(f"required={names!r} is one name. Pass a list of classes or groups.")
    if not isinstance(names, Iterable):
        raise SplitError(f"required={names!r} is no list. Pass a list of classes or groups.")
    held: list[tuple[str, Labels]] = []
    if isinstance(classes, Labels):
        held.append(("class", classes))
    if groups is not None:
        held.append(("group", groups))
    return tuple(_find(plain_name(unboxed(name)), held) for name in names)


def _find(name: Scalar, held: Sequence[tuple[str, Labels]]) -> Required:
    for kind, labels in held:
        if name in labels.names:
            code = labels.names.index(name)
            return Required(f"{kind} {name!r}", code, labels.codes, len(labels.names))
    shown = "; ".join(f"{kind}: {', '.join(map(repr, one.names[:8]))}" for kind, one in held)
    raise SplitError(
        f"required={name!r} is neither a class of y nor a group ({shown or 'none are known'}). "
        f"Pass y= or groups= that hold it."
    )
