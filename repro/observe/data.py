"""Looks at data sets: keeps hashes of their rows, never their values."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from repro.digest import (
    Block,
    RowHashes,
    Table,
    digest_bytes,
    multiset_digest,
    ordered_digest,
    row_hashes,
    shared_rows,
    table,
)
from repro.digest.row_set import RowSet, RowSets
from repro.digest.rows import prefix_hashes
from repro.errors import UnsupportedData, UsageError
from repro.facts.cleaning import Column as Numbers
from repro.facts.data import Column, Data, Near, Overlap, Role, Strange
from repro.facts.fact import Absent
from repro.observe import cleanliness, columns, label_fit, near_rows, strange
from repro.observe.datasets import items_table
from repro.observe.evidence import evidence_path
from repro.observe.files import manifest
from repro.observe.observer import observed

Span = tuple[np.datetime64, np.datetime64]  # earliest, latest; UTC
TIMES = ("date", "datetime")  # dtypes
TRAIN = "train"
ORDER = ("train", "valid", "test")  # what comes later must not stand in what comes before


@dataclass(frozen=True)
class Hashes:
    """The rows of one data set."""

    rows: RowHashes  # all that belongs to a row
    content: RowHashes  # without what only names it
    features: RowHashes  # without its label, too

    @classmethod
    def of(cls, content: Table) -> "Hashes":
        """The hashes of a table; those that are equal are one array."""
        n_features = len(content.features)
        lengths = (len(content.blocks), n_features + len(content.labels), n_features)
        distinct = sorted(set(lengths))
        found = dict(zip(distinct, prefix_hashes(content.blocks, distinct), strict=True))
        return cls(*(found[length] for length in lengths))

    def sets(self) -> RowSets:
        """The distinct rows, to be kept beside the record."""
        rows = RowSet.of(self.content)
        return RowSets(rows, rows if self.features is self.content else RowSet.of(self.features))


@dataclass(frozen=True, eq=False)
class Train:
    """What is kept of train, that evaluation sets are compared with."""

    columns: columns.ColumnsLook
    rows: near_rows.Reference | Absent


@dataclass(frozen=True)
class Compared:
    """An evaluation set beside train, as it was when the set was handed over."""

    train: Train
    near: Near | Absent
    strange: tuple[Strange, ...] | Absent


@dataclass(frozen=True)
class Look:
    """What is kept of one data set."""

    role: Role
    hashes: Hashes
    match_probability: float  # of two rows being equal by chance, were columns independent
    evidence: bytes  # the distinct rows, as the artifact `role.rows`
    duplicate_share: float  # of the rows
    groups: RowHashes | None = None
    times: Span | None = None
    only_time: str | None = None  # the column of these times, where none was declared
    numbers: tuple[Numbers, ...] | Absent = ()  # in columns of features
    train: Train | None = None  # if this is train
    compared: Compared | None = None  # if train was known


def look(
    role: str, data: Any, *, group: str | None, time: str | None, train: Train | None = None
) -> Look:
    """Hashes and statistics of one data set; costs about 2 s for a million rows of 10 columns.

    An evaluation set is compared with `train`, if that is known already.

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
    hashes = Hashes.of(content)
    told = columns.look(content, hashes.features)
    fits = observed(label_fit.look, content) if role == TRAIN else {}
    described = {
        "role": role,
        "kind": content.kind,
        "reading": "all" if coverage == 1 else "sample",
        "n_columns": content.n_columns,
        "schema_digest": content.schema,
        "coverage": coverage,
        "max_distinct_share": told.distinct_share,
        "columns": told.columns if isinstance(fits, Absent) else _with_fits(told.columns, fits),
    }
    only_time, times = (None, None) if time is not None else _only_time(content)
    seen = look_at(
        described,
        hashes,
        told.match_probability,
        groups=None if group is None else _group_hashes(_column(data, group, role)),
        times=times if time is None else _times(_column(data, time, role), time),
        only_time=only_time,
        numbers=observed(lambda: cleanliness.look(content)),
    )
    if role == TRAIN:
        return replace(seen, train=Train(told, observed(near_rows.reference, content, data)))
    return seen if train is None else replace(seen, compared=_beside(train, content, data, told))


def _beside(train: Train, content: Table, data: Any, told: columns.ColumnsLook) -> Compared:
    rows = train.rows
    near = rows if isinstance(rows, Absent) else observed(near_rows.compared, content, data, rows)
    return Compared(train, near, observed(strange.look, content, told, train.columns))


def _with_fits(told: tuple[Column, ...], fits: Mapping[str, float]) -> tuple[Column, ...]:
    return tuple(one.model_copy(update={"tells_label": fits.get(one.name)}) for one in told)


def look_at(
    described: Mapping[str, object],
    hashes: Hashes,
    match_probability: float,
    *,
    groups: RowHashes | None = None,
    times: Span | None = None,
    only_time: str | None = None,
    numbers: tuple[Numbers, ...] | Absent = (),
) -> Look:
    """The look at rows that are hashed already; `described` is the rest of the role."""
    sets = hashes.sets()
    evidence, share = sets.dump(), min(sets.rows.share, sets.features.share)
    role = {
        **described,
        "n_rows": len(hashes.rows),
        "digest": ordered_digest(hashes.rows),
        "rows_digest": multiset_digest(hashes.rows),
        "rows": evidence_path(digest_bytes(evidence), "npz"),
        "rows_kind": "exact" if share == 1 else "sketch",
        "rows_share": share,
    }
    n_rows = len(hashes.rows)
    return Look(
        Role.model_validate(role),
        hashes,
        match_probability,
        evidence,
        duplicate_share=round(max(0.0, 1 - sets.rows.size().n / n_rows), 6),
        groups=groups,
        times=times,
        only_time=only_time,
        numbers=numbers,
    )


def at_end(looks: Mapping[str, Look], *, group: str | None, time: str | None) -> Data:
    """The fact: every role, and what a set to learn from shares with each later one."""
    ordered = [looks[role] for role in ORDER if role in looks]
    return Data(
        roles=tuple(seen.role for seen in looks.values()),
        overlaps=tuple(_overlap(first, second) for first, second in combinations(ordered, 2)),
        pool_digest=multiset_digest(*(seen.hashes.rows for seen in looks.values())),
        group=group,
        time=time,
        only_time=_common([seen.only_time for seen in looks.values()]),
    )


def _common(names: Sequence[str | None]) -> str | None:
    """The name that all have."""
    return names[0] if len(set(names)) == 1 else None


def _overlap(first: Look, second: Look) -> Overlap:
    ours, theirs = first.hashes, second.hashes
    n_first, n_second = len(ours.rows), len(theirs.rows)
    by_chance = -np.expm1(n_first * np.log1p(-min(first.match_probability, 1 - 1e-12)))
    found = Overlap(
        roles=f"{first.role.role}/{second.role.role}",
        n_shared=shared_rows(ours.content, theirs.content),
        n_shared_features=shared_rows(ours.features, theirs.features),
        n_expected=float(n_second * by_chance),
    )
    return found if first.role.role != TRAIN else found.model_copy(update=_marks(first, second))


def _marks(train: Look, evaluation: Look) -> dict[str, object]:
    """Groups, times and values of both: what was learned from against what it is judged by."""
    marks = _beside_train(train, evaluation)
    if train.groups is not None and evaluation.groups is not None:
        marks["n_shared_groups"] = shared_rows(train.groups, evaluation.groups)
    if train.times and train.only_time == evaluation.only_time:
        marks["latest_train"] = _iso(train.times[1])
    if evaluation.times and train.only_time == evaluation.only_time:
        marks["earliest_eval"] = _iso(evaluation.times[0])
    return marks


def _beside_train(train: Look, evaluation: Look) -> dict[str, object]:
    found = evaluation.compared
    if found is None or found.train is not train.train:
        reason = "there was no train to compare with: it is a stream, or was logged later"
        return {"not_near": reason}
    near, values = found.near, found.strange
    return {
        "near": None if isinstance(near, Absent) else near,
        "not_near": near.reason if isinstance(near, Absent) else None,
        "n_columns": None if isinstance(values, Absent) else len(evaluation.role.columns),
        "strange": () if isinstance(values, Absent) else values,
    }


def _content(data: Any) -> tuple[Table, float]:
    """The data as columns, and the share of the rows that was read."""
    if isinstance(data, os.PathLike):
        return manifest(Path(data)), 1.0
    try:
        return table(data), 1.0
    except UnsupportedData:
        is_container = isinstance(data, str | bytes | dict | list | tuple)
        if is_container or hasattr(data, "__array__") or not _is_map(data):
            raise
        return items_table(data)


def _is_map(data: Any) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def _column(data: Any, name: str, role: str) -> Any:
    frame = data[0] if isinstance(data, tuple) and data else data
    labels: Any = getattr(frame, "column_names", None) or getattr(frame, "columns", ())
    names = [str(label) for label in labels]
    if name not in names:
        known = ", ".join(names[:10]) or "none, it is no data frame"
        raise UsageError(
            f"log_data({role}=...) has no column {name!r}; it has: {known}. "
            f"Name a column, or hand the groups and times to make_plan."
        )
    return frame[name]


def _group_hashes(column: Any) -> RowHashes:
    """One hash for each distinct group."""
    values = np.unique(np.asarray(column.to_numpy(), dtype=str)).reshape(-1, 1)
    return row_hashes([Block(("group",), values)])


def _times(column: Any, name: str) -> Span:
    (block,) = table(column).features
    if not block.dtype.startswith(TIMES):
        raise UsageError(
            f"column {name!r} is {block.dtype}, not a time. Convert it with pandas.to_datetime."
        )
    span, n_missing = _span(block)
    if span is None or n_missing:
        raise UsageError(f"column {name!r} has {n_missing} missing times.")
    return span


def _only_time(content: Table) -> tuple[str | None, Span | None]:
    """The one column of times, and how far they reach; none if there are several, or gaps."""
    found = [block for block in content.features if block.dtype.startswith(TIMES)]
    names = [name for block in found for name in block.names]
    if len(names) != 1:
        return None, None
    span, n_missing = _span(found[0])
    return (names[0], span) if span and not n_missing else (None, None)


def _span(block: Block) -> tuple[Span | None, int]:
    """Earliest and latest time, and how many are missing."""
    values = block.values.astype("datetime64[us]")  # nanoseconds end in 2262
    missing = np.isnat(values) if block.missing is None else np.isnat(values) | block.missing
    there = values[~missing]
    return (there.min(), there.max()) if len(there) else None, int(missing.sum())


def _iso(time: np.datetime64) -> str:
    return f"{time}Z"
