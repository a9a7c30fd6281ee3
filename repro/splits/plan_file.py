"""Split plans as files: one npz without pickled objects, checked against its fingerprint."""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.digest import canonical_json
from repro.errors import RecordCorrupt
from repro.splits.labels import Labels
from repro.splits.parameters import Scalar, one_of
from repro.splits.plan import FoldRuns, SplitPlan
from repro.splits.runs import Runs
from repro.splits.spans import Spans
from repro.splits.times import IntArray, Times, Zone

Columns = Mapping[str, IntArray]

# What zipfile, numpy, json and pandas raise over flipped bits.
UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def write_plan(plan: SplitPlan, path: Path) -> None:
    """Write the plan to one file."""
    columns = {**_run_columns(plan), **_row_columns(plan)}
    header = canonical_json(
        {
            **plan.header(),
            "fingerprint": plan.fingerprint,
            "zone": None if plan.row_spans is None else plan.row_spans.start.zone,
            "tz": None if plan.row_spans is None else _name(plan.row_spans.start.tz),
            "group_names": None if plan.group_labels is None else plan.group_labels.names,
            "row_names": None if plan.row_labels is None else plan.row_labels.names,
            "row_ids": None if plan.row_labels is None else plan.row_labels.digest(),
            "key_columns": plan.key_columns,
        }
    )
    content = np.frombuffer(header.encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, header=content, **columns)


def read_plan(path: Path) -> SplitPlan:
    """Read a plan back.

    Raises
    ------
    RecordCorrupt
        The file is no plan, or its content is not what it says.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
        header = json.loads(columns.pop("header").tobytes())
        plan = _plan(header, columns)
        row_ids = None if plan.row_labels is None else plan.row_labels.digest()
        found, said = (plan.fingerprint, row_ids), (header["fingerprint"], header["row_ids"])
    except UNREADABLE as reason:
        raise RecordCorrupt(f"{path} is not a split plan: {reason!r}.") from reason
    if found != said:
        raise RecordCorrupt(
            f"{path} was altered: its content has fingerprint {plan.fingerprint}, but it says "
            f"{header['fingerprint']}. Make the plan again from the data."
        )
    return plan


def _run_columns(plan: SplitPlan) -> dict[str, IntArray]:
    columns = {}
    for side, all_runs in (
        ("train", [fold.train for fold in plan.folds]),
        ("test", [fold.test for fold in plan.folds]),
    ):
        columns[f"{side}_counts"] = np.array([len(runs.starts) for runs in all_runs])
        columns[f"{side}_starts"] = np.concatenate([runs.starts for runs in all_runs])
        columns[f"{side}_stops"] = np.concatenate([runs.stops for runs in all_runs])
    return columns


def _row_columns(plan: SplitPlan) -> dict[str, IntArray]:
    columns = {}
    if plan.row_spans is not None:
        columns["times"] = plan.row_spans.start.values
        if plan.row_spans.end is not None:
            columns["end_times"] = plan.row_spans.end.values
        if plan.row_spans.opened is not None:
            columns["feature_starts"] = plan.row_spans.opened.values
    if plan.group_labels is not None:
        columns["group_codes"] = plan.group_labels.codes
    if plan.row_labels is not None:
        columns["row_codes"] = plan.row_labels.codes
    return columns


def _plan(header: Any, columns: Columns) -> SplitPlan:
    n_rows = header["n_rows"]
    train, test = (_runs(side, columns, n_rows) for side in ("train", "test"))
    return SplitPlan(
        n_rows=n_rows,
        splitter=header["splitter"],
        parameters=header["parameters"],
        policy=header["policy"],
        folds=tuple(FoldRuns(*sides) for sides in zip(train, test, strict=True)),
        row_spans=_spans(header["zone"], header.get("tz"), columns),
        group_labels=_labels(columns.get("group_codes"), header["group_names"]),
        row_labels=_labels(columns.get("row_codes"), header["row_names"]),
        key_columns=tuple(header.get("key_columns", ())),
    )


def _runs(side: str, columns: Columns, n_rows: int) -> list[Runs]:
    counts = columns[f"{side}_counts"]
    ends = np.cumsum(counts)
    edges = [columns[f"{side}_{name}"] for name in ("starts", "stops")]
    if (counts < 1).any() or any(edge.shape != (ends[-1],) for edge in edges):
        raise ValueError(f"the runs of {side} are not as many as it says")
    starts, stops = (np.split(edge, ends[:-1]) for edge in edges)
    runs = [Runs(start, stop) for start, stop in zip(starts, stops, strict=True)]
    if not all(_is_set(each, n_rows) for each in runs):
        raise ValueError(f"the runs of {side} do not ascend from 0 to {n_rows}, or meet")
    return runs


def _is_set(runs: Runs, n_rows: int) -> bool:
    """Whether the runs are ascending, disjoint, maximal, and in range: their bitmap is no proof."""
    starts, stops = runs
    edges = np.column_stack([starts, stops]).ravel()
    is_integer = starts.dtype.kind == stops.dtype.kind == "i"
    return bool(is_integer and edges[0] >= 0 and edges[-1] <= n_rows and (np.diff(edges) > 0).all())


def _name(tz: dt.tzinfo | None) -> str | None:
    return None if tz is None else str(tz)


def _spans(zone: Zone | None, tz_name: str | None, columns: Columns) -> Spans | None:
    if zone is None:
        return None
    one_of(zone, "zone", get_args(Zone))
    tz = None if tz_name is None else pd.DatetimeTZDtype(tz=tz_name).tz
    start, end, opened = (
        Times(columns[name], zone, tz) if name in columns else None
        for name in ("times", "end_times", "feature_starts")
    )
    assert start is not None
    return Spans(start, end, opened)


def _labels(codes: NDArray[np.int64] | None, names: Iterable[Scalar]) -> Labels | None:
    return None if codes is None else Labels(codes, tuple(names))
