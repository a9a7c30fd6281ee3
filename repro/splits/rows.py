"""One value per row of X: from a column, from labels, or from an array in the order of X."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Set
from typing import TypeVar

import numpy as np
import pandas as pd

from repro.errors import SplitError

Labelled = TypeVar("Labelled", pd.Series, pd.DataFrame)


def count_rows(data: object) -> int:
    """How many rows X (or any array-like) has."""
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and shape:
        return int(shape[0])
    if hasattr(data, "__len__"):
        return len(data)
    raise SplitError(f"a {type(data).__name__} has no rows to split; pass a table or an array.")


def row_labels(data: object) -> pd.Index | None:
    """The labels of the rows of X, if it has any."""
    return data.index if isinstance(data, (pd.DataFrame, pd.Series)) else None


def plain_values(values: object) -> object:
    """A polars Series as values that pandas reads without loss; anything else as it is."""
    polars = sys.modules.get("polars")
    if polars is None or not isinstance(values, polars.Series):
        return values
    dtype = values.dtype
    if dtype == polars.Date:
        return values.to_numpy().astype("M8[s]")
    if dtype == polars.Datetime:
        # to_numpy() forgets the time zone.
        times = pd.DatetimeIndex(values.to_numpy())
        zone = dtype.time_zone
        return times if zone is None else times.tz_localize("UTC").tz_convert(zone)
    return values.to_numpy()


def has_column(key: object, data: object) -> bool:
    """Whether X has a column or index level of that name."""
    columns, levels = _names(data)
    return key in columns or key in levels


def read_parameter(source: Hashable | pd.Series, data: object, name: str) -> object:
    """A constructor's parameter: the name of a column or index level, or a labelled Series.

    Never by position: a splitter outlives one X, and positions do not.
    """
    if isinstance(source, pd.Series):
        if row_labels(data) is None:
            raise SplitError(
                f"{name}= is a Series, which is aligned by label, but X is a "
                f"{type(data).__name__} without labels. Pass a DataFrame, or hand the values to "
                f"split()."
            )
        return _aligned(source, data, name)
    if hasattr(source, "__array__") and not isinstance(source, np.generic):
        raise SplitError(
            f"{name}= is a {type(source).__name__} without labels, and the rows of another X "
            f"stand elsewhere. Name a column of X, pass a labelled Series, or hand the values to "
            f"split()."
        )
    return _named(source, data, name, "hand the values to split()")


def read_values(source: object, data: object, name: str) -> object:
    """An argument of one call: a name, a Series (by label where X has labels), or an array."""
    is_other_name = isinstance(source, (int, np.integer, tuple)) and has_column(source, data)
    if isinstance(source, str) or is_other_name:
        return _named(source, data, name, "pass one value per row")
    if isinstance(source, (Set, Mapping)) or not (
        hasattr(source, "__len__") or hasattr(source, "shape")
    ):
        raise SplitError(
            f"{name}= is a {type(source).__name__}, which is neither a column of X nor one value "
            f"per row in the order of X. Name a column, or pass a Series, an array or a list."
        )
    if isinstance(source, pd.Series) and row_labels(data) is not None:
        return _aligned(source, data, name)
    if count_rows(source) != count_rows(data):
        raise SplitError(
            f"{name} has {count_rows(source)} values, X has {count_rows(data)} rows. "
            f"Pass one value per row, in the order of X."
        )
    return source


def read_target(y: object, data: object) -> object:
    """y in the order of X: by label where both have labels, else as it stands."""
    labels = row_labels(data)
    if labels is None:
        return y
    if isinstance(y, pd.DataFrame):
        return aligned(y, labels, "y")
    return aligned(y, labels, "y") if isinstance(y, pd.Series) else y


def _named(key: Hashable, data: object, name: str, otherwise: str) -> object:
    columns, levels = _names(data)
    if not columns and not levels:
        raise SplitError(
            f"{name}={key!r} names a column, but X is a {type(data).__name__} without columns. "
            f"Pass a DataFrame, or {otherwise}."
        )
    found = columns.count(key) + levels.count(key)
    if found == 0:
        raise SplitError(
            f"{name}={key!r} is neither a column nor an index level of X; "
            f"columns: {_listed(columns)}; index levels: {_listed(levels)}."
        )
    if found > 1:
        raise SplitError(
            f"{name}={key!r} names {found} columns or index levels of X. Rename all but one."
        )
    if key in levels:
        return data.index.get_level_values(levels.index(key))  # type: ignore[attr-defined]  # it has levels
    return data if isinstance(data, pd.Series) else data[key]  # type: ignore[index]  # it has columns


def _names(data: object) -> tuple[list[Hashable], list[Hashable]]:
    """The names of the columns and of the index levels of X."""
    if isinstance(data, (pd.DataFrame, pd.Series)):
        columns: list[Hashable] = (
            list(data.columns) if isinstance(data, pd.DataFrame) else [data.name]
        )
        # An index without a name goes by 'index', as in DataFrame.reset_index.
        return columns, ["index" if data.index.names == [None] else x for x in data.index.names]
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, polars.DataFrame):
        return list(data.columns), []
    return [], []


def _aligned(series: pd.Series, data: object, name: str) -> pd.Series:
    labels = row_labels(data)
    assert labels is not None
    return aligned(series, labels, name)


def aligned(values: Labelled, labels: pd.Index, name: str) -> Labelled:
    """Labelled values in the order of the labels of X."""
    if values.index.equals(labels):
        return values
    for owner, index in ((name, values.index), ("X", labels)):
        if not index.is_unique:
            raise SplitError(
                f"{name} is aligned with X by label, but {owner} has label "
                f"{index[index.duplicated()][0]!r} more than once. Make the labels unique, or "
                f"name a column of X."
            )
    missing = labels[~labels.isin(values.index)]
    if len(missing):
        raise SplitError(
            f"{name} has no value for {len(missing)} of {len(labels)} rows of X, first for label "
            f"{missing[0]!r}. Give it the index of X, or pass {name}.to_numpy() in the order of X."
        )
    return values.reindex(labels)


def _listed(names: list[Hashable], at_most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:at_most])
    return shown + (f", ... ({len(names)} in all)" if len(names) > at_most else "") or "none"
