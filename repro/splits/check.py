"""`check_split`: prove that no training row leaks into a test row, or show the rows that do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.conditions import CONDITIONS, check_fold
from repro.splits.evidence import CheckedFold, Duplicates, Evidence
from repro.splits.folds import (
    POLICIES,
    FoldSource,
    Policy,
    RawFold,
    folds_of,
    policy_of,
    spans_of,
)
from repro.splits.labels import Labels, read_labels
from repro.splits.parameters import one_of, whole_number
from repro.splits.plan import SplitPlan
from repro.splits.proof import SplitProof
from repro.splits.rows import count_rows, row_labels
from repro.splits.spans import Spans, close_left, read_call_spans, read_window_starts
from repro.splits.times import Duration, IntArray, read_duration

Fault = tuple[int, str]


def check_split(
    splits_or_cv_or_plan: FoldSource | SplitPlan,
    X: object = None,
    y: object = None,
    *,
    groups: object = None,
    times: object = None,
    end_times: object = None,
    feature_start: object = None,
    row_id: object = None,
    policy: Policy | None = None,
    closed: Literal["both", "left"] | None = None,
    embargo: str | int | dt.timedelta | None = None,
    duplicates: Duplicates = "report",
    n_witnesses: int = 5,
) -> SplitProof:
    """Prove or refute, for every fold, that train and test are apart as they must be.

    Parameters
    ----------
    splits_or_cv_or_plan : a SplitPlan, any splitter, or pairs (training rows, test rows)
    X, y : the data; not needed for a plan, or where times or groups tell the number of rows
    groups, times, end_times, feature_start, row_id : one value per row: a column of X, a Series
        (aligned by label), or an array in the order of X; by default what the plan holds.
        end_times may be "point", feature_start a look-back timedelta.
    policy : what must hold over time; by default what the plan or splitter promises, where
        "exchangeable" becomes "kfold" as soon as there are times
    closed : "both", or "left" if a label does not use the very moment it ends; by default what
        the splitter was told, else "both"
    embargo : "5D", a timedelta, or an int (so many distinct timestamps); by default what the
        splitter was told
    duplicates : whether rows with equal content on both sides are a violation
    n_witnesses : how many offending rows to show per condition and fold

    Returns
    -------
    SplitProof
        Its verdict is "proved" only if every condition that the policy and the given evidence
        demand was proved in every fold.

    >>> print(check_split([([0, 1, 2], [2, 3])], X=range(4)).verdict)
    violated
    """
    if closed is not None:
        one_of(closed, "closed", ("both", "left"))
    one_of(duplicates, "duplicates", ("forbid", "features", "report"))
    whole_number(n_witnesses, "n_witnesses", at_least=0)
    plan = _plan_in(splits_or_cv_or_plan)
    told = partial(_told, splits_or_cv_or_plan, plan)
    data = _data(X, plan, (times, groups, row_id))
    spans = _spans(splits_or_cv_or_plan, plan, data, times, end_times)
    spans = _with_windows(spans, data, feature_start)
    if (closed or told("closed")) == "left" and spans is not None:
        spans = close_left(spans)
    labels = _labels(groups, data, "groups", None if plan is None else plan.group_labels)
    evidence = Evidence(
        n_rows=count_rows(data),
        policy=_policy(policy, splits_or_cv_or_plan, plan, spans),
        n_witnesses=n_witnesses,
        duplicates=duplicates,
        spans=spans,
        embargo=_embargo(told("embargo") if embargo is None else embargo, spans),
        groups=labels,
        groups_policy=None if told("groups_policy") is None else str(told("groups_policy")),
        row_labels=_row_names(row_id, data, plan),
    )
    if plan is None:
        group_values = None if labels is None else labels.values()
        folds: Iterator[RawFold] = folds_of(
            splits_or_cv_or_plan, data, y, group_values, times, end_times
        )
    else:
        folds = plan.split()
    table = tuple(check_fold(_read_fold(fold, evidence.n_rows), evidence) for fold in folds)
    if not table:
        raise SplitError("there is no fold to check. Pass at least one pair (train, test).")
    return SplitProof(
        policy=evidence.policy,
        n_rows=evidence.n_rows,
        fingerprint=None if plan is None else plan.fingerprint,
        meanings={condition.name: condition.meaning for condition in CONDITIONS},
        table=table,
    )


def _plan_in(source: object) -> SplitPlan | None:
    """The plan itself, or the one inside `plan.as_cv()`."""
    plan = getattr(source, "plan", source)
    return plan if isinstance(plan, SplitPlan) else None


def _data(data: object, plan: SplitPlan | None, columns: tuple[object, ...]) -> object:
    """X, or a table of as many rows without columns."""
    if data is not None:
        if plan is not None and count_rows(data) != plan.n_rows:
            raise SplitError(
                f"the plan was made for {plan.n_rows} rows, X has {count_rows(data)}. "
                f"Pass the same rows in the same order, or make a new plan."
            )
        return data
    if plan is not None:
        return np.empty((plan.n_rows, 0))
    known = [values for values in columns if values is not None and not isinstance(values, str)]
    if not known:
        raise SplitError("the number of rows is not known. Pass X=, times= or groups=.")
    return np.empty((count_rows(known[0]), 0))


def _spans(
    source: object, plan: SplitPlan | None, data: object, times: object, end_times: object
) -> Spans | None:
    if plan is None:
        return spans_of(source, data, times, end_times)
    return read_call_spans(data, times, end_times) or plan.row_spans


def _labels(source: object, data: object, name: str, otherwise: Labels | None) -> Labels | None:
    return otherwise if source is None else read_labels(source, data, name)


def _row_names(row_id: object, data: object, plan: SplitPlan | None) -> Labels | pd.Index | None:
    if row_id is None and row_labels(data) is not None:
        return row_labels(data)
    return _labels(row_id, data, "row_id", None if plan is None else plan.row_labels)


def _policy(
    policy: Policy | None, source: object, plan: SplitPlan | None, spans: Spans | None
) -> Policy:
    if policy is not None:
        one_of(policy, "policy", POLICIES)
        return policy
    promised = policy_of(source, spans) if plan is None else plan.policy
    return "kfold" if promised == "exchangeable" and spans is not None else promised


def _told(source: object, plan: SplitPlan | None, name: str) -> str | int | dt.timedelta | None:
    """A parameter of the splitter, also of the one that a plan was made by."""
    told = getattr(source, name, None) if plan is None else plan.parameters.get(name)
    return told if isinstance(told, (str, int, dt.timedelta)) else None


def _with_windows(spans: Spans | None, data: object, source: object) -> Spans | None:
    if source is None:
        return spans
    if spans is None:
        raise SplitError("feature_start= is given without times=. Pass both.")
    return replace(spans, opened=read_window_starts(data, spans.start, source))


def _embargo(value: str | int | dt.timedelta | None, spans: Spans | None) -> Duration | None:
    if value is None:
        return None
    if spans is None:
        raise SplitError(f"embargo={value!r} is given without times=. Pass both.")
    return read_duration(value, "embargo", spans.start.zone)


def _read_fold(fold: RawFold, n_rows: int) -> CheckedFold:
    train, train_faults = _read_side(fold[0], n_rows, "train")
    test, test_faults = _read_side(fold[1], n_rows, "test")
    return CheckedFold(train, test, (*train_faults, *test_faults))


def _read_side(entries: object, n_rows: int, side: str) -> tuple[IntArray, list[Fault]]:
    array = np.asarray(entries)
    nothing = np.empty(0, dtype=np.int64)
    if array.size == 0:
        return nothing, [(1, f"{side} is empty")]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        kind = f"{array.dtype} values of shape {array.shape}"
        return nothing, [(array.size, f"{side} holds {kind}, not row numbers")]
    is_row = (array >= 0) & (array < n_rows)
    rows, counts = np.unique(array[is_row].astype(np.int64), return_counts=True)
    faults: list[Fault] = []
    if not is_row.all():
        strange = f"{side} has row {array[~is_row][0]}, the data have rows 0 to {n_rows - 1}"
        faults.append((int((~is_row).sum()), strange))
    if (counts > 1).any():
        twice = f"{side} has row {rows[counts > 1][0]} {counts[counts > 1][0]} times"
        faults.append((int((counts - 1).sum()), twice))
    return rows, faults
