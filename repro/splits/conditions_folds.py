"""Conditions that look beyond one fold: at the other folds, at a second split, at a fit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from repro.splits.evidence import CheckedFold, Evidence
from repro.splits.proof import NotChecked, Proved, Result, Violated, Witness


def tests_apart(fold: CheckedFold, evidence: Evidence) -> Result:
    """O1: no row is tested in this fold and in an earlier one, unless that is declared."""
    n_again = len(fold.tested_again)
    if n_again == 0:
        return Proved()
    if evidence.overlap_declared:
        why = f"{n_again} test rows of earlier folds are tested again, as was declared"
        return NotChecked(why, demanded=False)
    pairs = zip(fold.tested_again.tolist(), fold.tested_in.tolist(), strict=True)
    shown = tuple(
        Witness(test=evidence.view(row), note=f"tested in fold {earlier}, too")
        for row, earlier in list(pairs)[: evidence.n_witnesses]
    )
    return Violated(n_again, "test rows", shown)


def fitted_on_train(fold: CheckedFold, evidence: Evidence) -> Result:
    """S1: the fold's estimator, and each of its steps, holds what a fit on its rows gives."""
    if evidence.fits is None:
        return NotChecked("no estimators= were given", demanded=False)
    if fold.train.n_rows == 0:
        return NotChecked("train has no readable row, see V1", demanded=False)
    fits = evidence.fits
    return _fit_result(fits.of_fold(fold.number), fits.data, fits.y, fold)


def _fit_result(estimator: Any, data: object, y: object, fold: CheckedFold) -> Result:
    from repro.refit import check_fit

    # In the order they were fitted in: it decides about sums, and about what is drawn.
    rows = fold.train.rows if fold.train.faults else fold.train_order
    steps = check_fit(estimator, _fitted_columns(estimator, data), y, rows).steps
    notes = [
        f"{step.path or 'estimator'} ({step.kind}): {step.reason}"
        for step in steps
        if step.verdict == "differs"
    ]
    if notes:
        return Violated(len(notes), "steps", tuple(Witness(note=note) for note in notes))
    untold = [step for step in steps if step.verdict == "cannot_tell"]
    if untold:
        step = untold[0]
        return NotChecked(f"{step.path or 'estimator'} ({step.kind}): {step.reason}", True)
    return Proved()


def _fitted_columns(estimator: Any, data: Any) -> Any:
    """X may hold times and names beside the columns that the estimator was fitted on."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or not isinstance(data, pd.DataFrame):
        return data
    return data[list(names)] if set(names) <= set(data.columns) else data


def same_again(fold: CheckedFold, evidence: Evidence) -> Result:
    """R1: what was compared when the folds were read."""
    return fold.repeated
