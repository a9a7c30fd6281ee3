"""Looks at data sets: keeps hashes of their rows, never their values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.determinism import isolated
from repro.digest import (
    Block,
    RowHashes,
    Table,
    multiset_digest,
    ordered_digest,
    row_hashes,
    shared_rows,
    table,
)
from repro.errors import UnsupportedData, UsageError
from repro.facts.data import Data, Overlap, Role

ITEMS = 50_000  # items read from a torch Dataset that computes them one by one
CELLS = 20_000_000  # values looked at for column statistics: beyond, some columns are left out


@dataclass(frozen=True)
class Look:
    """What is kept of one data set."""

    role: Role
    rows: RowHashes
    features: RowHashes
    match_probability: float  # of two rows being equal by chance, were columns independent
    groups: RowHashes | None
    times: tuple[np.datetime64, np.datetime64] | None  # earliest, latest; UTC


def look(role: str, data: Any, *, group: str | None, time: str | None) -> Look:
    """Hashes and statistics of one data set; costs about 0.5 s for a million rows.

    Raises
    ------
    UnsupportedData
        The content cannot be read as rows.
    UsageError
        `group` or `time` names no column, or `time` holds no times.
    """
    content, coverage = _content(data)
    if content.n_rows == 0:
        raise UnsupportedData(f"log_data({role}=...) got no rows. Leave the role out, or fill it.")
    blocks = content.features + content.labels
    rows = row_hashes(blocks)
    distinct_share, match_probability = _column_statistics(blocks)
    times = None if time is None else _times(_column(data, time, role), time)
    return Look(
        role=Role(
            role=role,
            kind=content.kind,
            n_rows=content.n_rows,
            n_columns=content.n_columns,
            digest=ordered_digest(rows),
            rows_digest=multiset_digest(rows),
            schema_digest=content.schema,
            coverage=coverage,
            max_distinct_share=distinct_share,
        ),
        rows=rows,
        features=row_hashes(content.features) if content.labels else rows,
        match_probability=match_probability,
        groups=None if group is None else _group_hashes(_column(data, group, role)),
        times=times,
    )


def at_end(looks: Mapping[str, Look], *, group: str | None, time: str | None) -> Data:
    """The fact: every role, and what train shares with each evaluation set."""
    train = looks.get("train")
    evaluations = [seen for role, seen in looks.items() if role != "train"]
    return Data(
        roles=tuple(seen.role for seen in looks.values()),
        overlaps=tuple(_overlap(train, seen) for seen in evaluations) if train else (),
        pool_digest=multiset_digest(*(seen.rows for seen in looks.values())),
        group=group,
        time=time,
    )


def _overlap(train: Look, evaluation: Look) -> Overlap:
    n_train, n_eval = len(train.rows), len(evaluation.rows)
    by_chance = -np.expm1(n_train * np.log1p(-min(train.match_probability, 1 - 1e-12)))
    n_shared_groups = None
    if train.groups is not None and evaluation.groups is not None:
        n_shared_groups = shared_rows(train.groups, evaluation.groups)
    return Overlap(
        roles=f"train/{evaluation.role.role}",
        n_shared=shared_rows(train.rows, evaluation.rows),
        n_shared_features=shared_rows(train.features, evaluation.features),
        n_expected=float(n_eval * by_chance),
        n_shared_groups=n_shared_groups,
        latest_train=_iso(train.times[1]) if train.times else None,
        earliest_eval=_iso(evaluation.times[0]) if evaluation.times else None,
    )


def _content(data: Any) -> tuple[Table, float]:
    """The data as columns, and the share of the rows that was read."""
    try:
        return table(data), 1.0
    except UnsupportedData:
        if not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
            raise
        if isinstance(data, str | bytes | dict | list | tuple):
            raise
        return _items(data)


def _items(dataset: Any) -> tuple[Table, float]:
    """A map-style Dataset, item by item; its transforms draw from generators of their own."""
    n_items = min(len(dataset), ITEMS)
    with isolated():
        items = [dataset[index] for index in range(n_items)]
    if not items:
        raise UnsupportedData(f"{type(dataset).__name__} has no items.")
    if isinstance(items[0], Mapping):
        items = [tuple(item[name] for name in items[0]) for item in items]
    parts = zip(*items, strict=True) if isinstance(items[0], tuple | list) else (items,)
    try:
        arrays = [np.stack([np.asarray(value) for value in part]) for part in parts]
    except ValueError as error:
        raise UnsupportedData(
            f"the items of {type(dataset).__name__} differ in shape: {error}. "
            f"Hand over an array or a table that identifies each item, such as its file name."
        ) from error
    first, *others = arrays
    labels = tuple(block for array in others for block in table((first, array)).labels)
    content = Table(type(dataset).__name__, table(first).features, labels)
    return content, n_items / len(dataset)


def _column(data: Any, name: str, role: str) -> Any:
    frame = data[0] if isinstance(data, tuple) and data else data
    columns = [str(column) for column in getattr(frame, "columns", ())]
    if name not in columns:
        known = ", ".join(columns[:10]) or "none, it is no data frame"
        raise UsageError(
            f"log_data({role}=...) has no column {name!r}; it has: {known}. "
            f"Name a column, or hand the groups and times to make_plan."
        )
    return frame[name]


def _group_hashes(column: Any) -> RowHashes:
    """One hash for each distinct group."""
    values = np.unique(np.asarray(column.to_numpy(), dtype=str)).reshape(-1, 1)
    return row_hashes([Block(("group",), values)])


def _times(column: Any, name: str) -> tuple[np.datetime64, np.datetime64]:
    if not str(column.dtype).lower().startswith("datetime"):
        raise UsageError(
            f"column {name!r} is {column.dtype}, not a time. Convert it with pandas.to_datetime."
        )
    content = table(column.to_frame() if hasattr(column, "to_frame") else column)
    values = content.features[0].values.astype("datetime64[us]")  # nanoseconds end in 2262
    if np.isnat(values).any():
        raise UsageError(f"column {name!r} has {int(np.isnat(values).sum())} missing times.")
    return values.min(), values.max()


def _iso(time: np.datetime64) -> str:
    return f"{time}Z"


def _column_statistics(blocks: tuple[Block, ...]) -> tuple[float, float]:
    """Largest share of distinct values in a column, and the chance that two rows are equal.

    The chance assumes independent columns: the product over columns of sum_v p(v)**2.
    """
    columns = [block.values[:, j] for block in blocks for j in range(block.values.shape[1])]
    n_rows = len(columns[0])
    stride = max(1, len(columns) * n_rows // CELLS)
    distinct_share, log_match = 0.0, 0.0
    for column in columns[::stride]:
        counts = _value_counts(column)
        distinct_share = max(distinct_share, len(counts) / n_rows)
        log_match += float(np.log(((counts / n_rows) ** 2).sum()))
    return distinct_share, float(np.exp(log_match))


def _value_counts(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if column.dtype.kind == "O":
        column = column.astype(str)
    return np.unique(column, return_counts=True)[1].astype(np.int64)
