"""Split plans as files: one npz without pickled objects, checked against its fingerprint."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repro.digest import canonical_json
from repro.errors import RecordCorrupt
from repro.splits.labels import Labels
from repro.splits.parameters import Scalar
from repro.splits.plan import FoldRuns, SplitPlan
from repro.splits.runs import Runs
from repro.splits.spans import Spans
from repro.splits.times import IntArray, Times, Zone

Columns = Mapping[str, IntArray]


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
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
        header = json.loads(columns.pop("header").tobytes())
        plan = _plan(header, columns)
    except (ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as reason:
        raise RecordCorrupt(f"{path} is not a split plan: {reason}.") from reason
    row_ids = None if plan.row_labels is None else plan.row_labels.digest()
    if (plan.fingerprint, row_ids) != (header["fingerprint"], header["row_ids"]):
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
    train, test = _runs("train", columns), _runs("test", columns)
    return SplitPlan(
        n_rows=header["n_rows"],
        splitter=header["splitter"],
        parameters=header["parameters"],
        policy=header["policy"],
        folds=tuple(map(FoldRuns, train, test)),
        row_spans=_spans(header["zone"], header.get("tz"), columns),
        group_labels=_labels(columns.get("group_codes"), header["group_names"]),
        row_labels=_labels(columns.get("row_codes"), header["row_names"]),
    )


def _runs(side: str, columns: Columns) -> list[Runs]:
    ends = np.cumsum(columns[f"{side}_counts"])[:-1]
    starts, stops = (np.split(columns[f"{side}_{name}"], ends) for name in ("starts", "stops"))
    return [Runs(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _name(tz: dt.tzinfo | None) -> str | None:
    return None if tz is None else str(tz)


def _spans(zone: Zone | None, tz_name: str | None, columns: Columns) -> Spans | None:
    if zone is None:
        return None
    tz = None if tz_name is None else pd.DatetimeTZDtype(tz=tz_name).tz
    start, end, opened = (
        Times(columns[name], zone, tz) if name in columns else None
        for name in ("times", "end_times", "feature_starts")
    )
    assert start is not None
    return Spans(start, end, opened)


def _labels(codes: NDArray[np.int64] | None, names: Iterable[Scalar]) -> Labels | None:
    return None if codes is None else Labels(codes, tuple(names))
