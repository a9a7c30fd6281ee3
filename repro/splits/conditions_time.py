"""Conditions on when the rows of a fold happened and when their labels were known."""

from __future__ import annotations

import numpy as np

from repro.splits.evidence import CheckedFold, Evidence
from repro.splits.proof import NotChecked, Proved, Result
from repro.splits.sides import Mask, first_row
from repro.splits.times import IntArray
from repro.splits.witnesses import found


def one_axis(fold: CheckedFold, evidence: Evidence) -> Result:
    """Z1: reading refuses to mix kinds of times, so what was read lies on one axis."""
    if evidence.spans is None:
        return NotChecked("no times= were given", demanded=False)
    return Proved()


def train_before_test(fold: CheckedFold, evidence: Evidence) -> Result:
    """T1: every training row starts strictly before the first test row."""
    if evidence.policy != "walk_forward":
        why = f"policy {evidence.policy} may train on rows after the test rows"
        return NotChecked(why, demanded=False)
    if evidence.spans is None:
        return NotChecked("no times= were given", demanded=True)
    line, start = evidence.timeline, evidence.spans.start.values
    late = line.not_before(fold.train.along(line.order), fold.test.along(line.order))

    def first(row: int) -> int:
        """The test row that starts first."""
        return int(fold.test.rows[np.argmin(start[fold.test.rows])])

    return found(line.rows(late), "train rows", first, evidence)


def labels_apart(fold: CheckedFold, evidence: Evidence) -> Result:
    """P1: no label span of a training row meets one of a test row."""
    missing = _missing_spans(evidence)
    if missing is not None:
        return missing
    line = evidence.timeline
    meeting = line.labels_that_meet(fold.train.along(line.order), fold.test.along(line.order))

    def met(row: int) -> int:
        """The first test row whose label meets that of the training row."""
        start, end = line.spans.start.values, _ends(evidence)
        return first_row(
            fold.test.rows, lambda tests: (start[tests] <= end[row]) & (end[tests] >= start[row])
        )

    return found(line.rows(meeting), "train rows", met, evidence)


def windows_blind(fold: CheckedFold, evidence: Evidence) -> Result:
    """F1: no feature window of a training row looks into the label of a test row."""
    if evidence.spans is None or evidence.spans.opened is None:
        return NotChecked("no feature_start= was given", demanded=False)
    missing = _missing_spans(evidence)
    if missing is not None:
        return missing
    line, opened = evidence.timeline, evidence.spans.opened.values
    looking = line.windows_that_look(fold.train.along(line.order), fold.test.along(line.order))

    def seen(row: int) -> int:
        """The first test row whose label (t0, t1] the window [f0, t0] looks into."""
        start, end = line.spans.start.values, _ends(evidence)

        def shows(tests: IntArray) -> Mask:
            spread: Mask = end[tests] > start[tests]
            spread &= (start[tests] < start[row]) & (end[tests] >= opened[row])
            return spread

        return first_row(fold.test.rows, shows)

    return found(line.rows(looking), "train rows", seen, evidence)


def embargo_kept(fold: CheckedFold, evidence: Evidence) -> Result:
    """E1: no training row starts within the embargo after a block of test rows.

    A block is a run of neighbouring timestamps at which test rows start; its last label ends it.
    """
    if evidence.embargo is None:
        return NotChecked("no embargo= was given", demanded=False)
    missing = _missing_spans(evidence)
    if missing is not None:
        return missing
    line = evidence.timeline
    train, test = fold.train.along(line.order), fold.test.along(line.order)
    inside = line.under_embargo(train, test, evidence.embargo)

    def closing(row: int) -> int:
        """The test row whose label is the last to end before the training row."""
        end, moment = _ends(evidence)[fold.test.rows], line.spans.start.values[row]
        over = np.where(end < moment, end, np.iinfo(np.int64).min)
        return int(fold.test.rows[np.argmax(over)])

    return found(line.rows(inside), "train rows", closing, evidence)


def _ends(evidence: Evidence) -> IntArray:
    assert evidence.spans is not None
    assert evidence.spans.end is not None
    return evidence.spans.end.values


def _missing_spans(evidence: Evidence) -> NotChecked | None:
    if evidence.policy == "exchangeable":
        return NotChecked("policy exchangeable gives time no meaning", demanded=False)
    if evidence.spans is None:
        return NotChecked("no times= were given", demanded=True)
    if evidence.spans.end is None:
        return NotChecked(
            "no end_times= were given; say end_times='point' if labels are known at once",
            demanded=True,
        )
    return None
