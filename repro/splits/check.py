"""`check_split`: prove that no training row leaks into a test row, or show the rows that do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.classes import read_classes, read_required
from repro.splits.conditions import CONDITIONS, check_fold
from repro.splits.copies import read_copies
from repro.splits.declared import Declared
from repro.splits.evidence import Duplicates, Evidence, Fits
from repro.splits.fold_reading import Given, read_folds
from repro.splits.folds import FoldSource, Policy, refuse_no_split, spans_of
from repro.splits.frames import rows_of_frames
from repro.splits.holdout import TemporalHoldout
from repro.splits.labels import Labels, read_labels
from repro.splits.parameters import one_of, whole_number
from repro.splits.plan import SplitPlan
from repro.splits.proof import SplitProof
from repro.splits.rows import count_rows, read_target, row_labels
from repro.splits.spans import Closed, Spans, close_left, read_call_spans, read_window_starts
from repro.splits.times import Duration, LengthSource, read_duration


def check_split(
    splits_or_cv_or_plan: FoldSource | SplitPlan | TemporalHoldout,
    X: object = None,
    y: object = None,
    *,
    groups: object = None,
    times: object = None,
    end_times: object = None,
    feature_start: object = None,
    row_id: object = None,
    policy: Policy | None = None,
    closed: Closed | None = None,
    embargo: LengthSource | None = None,
    duplicates: Duplicates = "report",
    required: Iterable[object] = (),
    min_train: int | None = None,
    min_test: int = 1,
    tests_overlap: bool | None = None,
    estimators: Sequence[object] | None = None,
    n_witnesses: int = 5,
) -> SplitProof:
    """Prove or refute, for every fold, that train and test are apart as they must be.

    Parameters
    ----------
    splits_or_cv_or_plan : a SplitPlan, a TemporalHoldout, any splitter, or pairs (train, test) of
        row numbers, of masks, or of tables whose rows are found in X by their index labels;
        several test sets of one fold, as skfolio gives them, count as one. A Series of whole
        numbers is row numbers, one of booleans a mask aligned by label.
    X, y : the data; not needed for a plan, for tables, or where times or groups tell the number
        of rows. Where both have labels, y is aligned by label; else it stands in the order of X.
    groups, times, end_times, feature_start, row_id : one value per row: a column of X, a Series
        (aligned by label), or an array in the order of X; each by default what the plan holds.
        end_times may be "point", feature_start a length of time to look back.
    policy : what must hold over time; by default what the plan or splitter promises, where
        "exchangeable" becomes "kfold" as soon as there are times
    closed : "both", or "left" if a label does not use the very moment it ends; by default what
        the splitter was told, else "both"
    embargo : "5D", a timedelta, or an int (so many distinct timestamps); by default what the
        splitter was told
    duplicates : which rows with equal content on both sides are a violation: "forbid" those equal
        in features and label, "features" also those with another label; "report" counts both and
        forbids none. The columns of X named as times, end_times, feature_start and row_id are no
        features: they tell copies of one row apart.
    required : classes of y, or names of groups, that must stand on both sides of every fold;
        in any case every class of the test rows must be known to train
    min_train, min_test : fewest rows of a side; min_train is by default what the splitter was told
    tests_overlap : whether a row may be tested in several folds; by default only if the splitter
        is made for it, as ShuffleSplit is
    estimators : one fitted estimator per fold, as `cross_validate(..., return_estimator=True)`
        returns: each is fitted again, on the training rows of its fold, and compared
    n_witnesses : how many offending rows to show per condition and fold

    Returns
    -------
    SplitProof
        Its verdict is "proved" only if every condition that the policy and the given evidence
        demand was proved in every fold.

    Raises
    ------
    SplitError
        An argument cannot be read: the message names the value and the fix.

    Notes
    -----
    A splitter is asked for its folds twice, in step: what it draws by chance without a
    random_state it draws twice. One fold is held at a time.

    >>> print(check_split([([0, 1, 2], [2, 3])], X=range(4)).verdict)
    violated
    """
    _check_choices(closed, duplicates, n_witnesses)
    source, X = rows_of_frames(_checkable(splits_or_cv_or_plan), X)
    declared = Declared(source)
    plan = declared.plan
    data = _data(X, plan, (times, groups, row_id))
    y = read_target(y, data)
    n_rows = count_rows(data)
    spans = _spans(declared, data, times, end_times, feature_start)
    if (closed or declared.told("closed")) == "left" and spans is not None:
        spans = close_left(spans)
    labels = _labels(groups, data, "groups", None if plan is None else plan.group_labels)
    classes = read_classes(y, n_rows)
    groups_policy = declared.told("groups_policy")
    left_out = declared.key_columns(data, times, feature_start, row_id, end_times=end_times)
    evidence = Evidence(
        n_rows=n_rows,
        policy=declared.policy(policy, spans),
        n_witnesses=n_witnesses,
        duplicates=duplicates,
        copies=read_copies(data, y, left_out),
        classes=classes,
        required=read_required(required, classes, labels),
        min_train=_least(declared.told("min_train") if min_train is None else min_train, "train"),
        min_test=_least(min_test, "test"),
        overlap_declared=declared.overlapping_tests() if tests_overlap is None else tests_overlap,
        spans=spans,
        embargo=_embargo(declared.told("embargo") if embargo is None else embargo, spans),
        groups=labels,
        groups_policy=None if groups_policy is None else str(groups_policy),
        row_labels=_row_names(row_id, data, plan),
        fits=None if estimators is None else _fits(estimators, X, y),
    )
    return _prove(declared, Given(data, y, groups, times, end_times), evidence)


def _prove(declared: Declared, given: Given, evidence: Evidence) -> SplitProof:
    folds = read_folds(declared, given, keep_order=evidence.fits is not None)
    table = tuple(check_fold(fold, evidence) for fold in folds)
    if not table:
        raise SplitError("there is no fold to check. Pass at least one pair (train, test).")
    _check_count(evidence.fits, len(table))
    return SplitProof(
        policy=evidence.policy,
        n_rows=evidence.n_rows,
        fingerprint=None if declared.plan is None else declared.plan.fingerprint,
        meanings={condition.name: condition.meaning for condition in CONDITIONS},
        table=table,
    )


def _checkable(source: object) -> Any:
    """What has folds; three parts over time as the two folds they make."""
    if isinstance(source, TemporalHoldout):
        return source.plan()
    refuse_no_split(source)
    return source


def _check_choices(closed: str | None, duplicates: str, n_witnesses: int) -> None:
    if closed is not None:
        one_of(closed, "closed", get_args(Closed))
    one_of(duplicates, "duplicates", get_args(Duplicates))
    whole_number(n_witnesses, "n_witnesses", at_least=0)


def _least(value: object, side: str) -> int:
    return 1 if value is None else whole_number(value, f"min_{side}", at_least=1)


def _fits(estimators: object, X: object, y: object) -> Fits:
    # A pipeline, or a forest, is one estimator and yet has items.
    if hasattr(estimators, "fit") or not isinstance(estimators, Iterable):
        raise SplitError(
            f"estimators={estimators!r} is no list. Pass one fitted estimator per fold, in the "
            f"order of the folds."
        )
    if X is None:
        raise SplitError("estimators= are given without X=. Pass what they were fitted on.")
    return Fits(list(estimators), X, y)


def _check_count(fits: Fits | None, n_folds: int) -> None:
    if fits is not None and len(fits.estimators) > n_folds:
        raise SplitError(
            f"there are {len(fits.estimators)} estimators for {n_folds} folds. "
            f"Pass one fitted estimator per fold, in the order of the folds."
        )


def _data(data: object, plan: SplitPlan | None, columns: tuple[object, ...]) -> object:
    """X, or a table of as many rows without columns."""
    if data is not None:
        if plan is not None and count_rows(data) != plan.n_rows:
            raise SplitError(
                f"the plan was made for {plan.n_rows} rows, X has {count_rows(data)}. "
                f"Pass the same rows in the same order, or make a new plan."
            )
        return _with_rows(data, "X")
    if plan is not None:
        return np.empty((plan.n_rows, 0))
    given = zip(("times", "groups", "row_id"), columns, strict=True)
    known = [(name, it) for name, it in given if it is not None and not isinstance(it, str)]
    if not known:
        raise SplitError("the number of rows is not known. Pass X=, times= or groups=.")
    return np.empty((count_rows(_with_rows(known[0][1], known[0][0])), 0))


def _with_rows(values: object, name: str) -> object:
    if count_rows(values) == 0:
        raise SplitError(f"{name} has no rows; there is nothing to check. Pass one per row.")
    return values


def _spans(
    declared: Declared, data: object, times: object, end_times: object, feature_start: object
) -> Spans | None:
    """What the call says; what it does not, the plan."""
    if declared.plan is None:
        spans = spans_of(declared.source, data, times, end_times)
    else:
        known = declared.plan.row_spans
        if known is not None and feature_start is not None:
            known = replace(known, opened=None)
        spans = read_call_spans(data, times, end_times, known)
    return _with_windows(spans, data, feature_start)


def _labels(source: object, data: object, name: str, otherwise: Labels | None) -> Labels | None:
    return otherwise if source is None else read_labels(source, data, name)


def _row_names(row_id: object, data: object, plan: SplitPlan | None) -> Labels | pd.Index | None:
    if row_id is None and row_labels(data) is not None:
        return row_labels(data)
    return _labels(row_id, data, "row_id", None if plan is None else plan.row_labels)


def _with_windows(spans: Spans | None, data: object, source: object) -> Spans | None:
    if source is None:
        return spans
    if spans is None:
        raise SplitError("feature_start= is given without times=. Pass both.")
    return replace(spans, opened=read_window_starts(data, spans.start, source))


def _embargo(value: LengthSource | None, spans: Spans | None) -> Duration | None:
    if value is None:
        return None
    if spans is None:
        raise SplitError(f"embargo={value!r} is given without times=. Pass both.")
    return read_duration(value, "embargo", spans.start.zone, tz=spans.start.tz)
