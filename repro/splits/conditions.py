"""The conditions of a leak-free split: one small function each, and one table of them.

A condition looks at one fold and the evidence. It answers Proved, Violated with witnesses, or
NotChecked with the reason; it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from repro.splits.evidence import CheckedFold, Evidence, mask_of
from repro.splits.proof import Meaning, NotChecked, Proved, Result, Violated, Witness
from repro.splits.times import IntArray

Check = Callable[[CheckedFold, Evidence], Result]


@dataclass(frozen=True)
class Condition:
    """One condition: its name, its meaning for people, its check."""

    name: str
    meaning: Meaning
    check: Check
    is_pairwise: bool = True  # says something about pairs (train row, test row)


def valid_rows(fold: CheckedFold, evidence: Evidence) -> Result:
    """V1: both sides hold rows, and every entry is a row of the data, once."""
    if not fold.faults:
        return Proved()
    witnesses = tuple(Witness(note=note) for _, note in fold.faults[: evidence.n_witnesses])
    return Violated(sum(count for count, _ in fold.faults), "entries", witnesses)


def shared_rows(fold: CheckedFold, evidence: Evidence) -> Result:
    """B0: no row stands on both sides."""
    shared = np.intersect1d(fold.train, fold.test, assume_unique=True)
    return _found(shared, "rows", lambda row: row, evidence)


def known_keys(fold: CheckedFold, evidence: Evidence) -> Result:
    """N1: reading refuses missing times and groups, so what was read has none."""
    if evidence.spans is None and evidence.groups is None:
        return NotChecked("neither times= nor groups= were given", demanded=False)
    return Proved()


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
    start = evidence.spans.start.values
    first = int(fold.test[np.argmin(start[fold.test])])
    late = fold.train[start[fold.train] >= start[first]]
    return _found(late, "train rows", lambda row: first, evidence)


def labels_apart(fold: CheckedFold, evidence: Evidence) -> Result:
    """P1: no label span of a training row meets one of a test row."""
    missing = _missing_spans(evidence)
    if missing is not None:
        return missing
    meetings = evidence.label_meetings
    meeting = meetings.that_meet(fold.train, fold.test)
    return _found(meeting, "train rows", lambda row: meetings.partner(row, fold.test), evidence)


def windows_blind(fold: CheckedFold, evidence: Evidence) -> Result:
    """F1: no feature window of a training row looks into the label of a test row."""
    if evidence.spans is None or evidence.spans.opened is None:
        return NotChecked("no feature_start= was given", demanded=False)
    missing = _missing_spans(evidence)
    if missing is not None:
        return missing
    assert evidence.spans.end is not None
    start, end = evidence.spans.start.values, evidence.spans.end.values
    spread = fold.test[end[fold.test] > start[fold.test]]  # (t0, t1] of a point is empty
    meetings = evidence.window_meetings
    looking = meetings.that_meet(fold.train, spread)
    return _found(looking, "train rows", lambda row: meetings.partner(row, spread), evidence)


def embargo_kept(fold: CheckedFold, evidence: Evidence) -> Result:
    """E1: no training row starts within the embargo after a block of test rows.

    A block is a run of neighbouring timestamps at which test rows start; its last label ends it.
    """
    missing = _missing_spans(evidence)
    if evidence.embargo is None:
        return NotChecked("no embargo= was given", demanded=False)
    if missing is not None:
        return missing
    assert evidence.spans is not None
    assert evidence.spans.end is not None
    start, end = evidence.spans.start.values, evidence.spans.end.values
    ends = np.sort(_block_ends(start[fold.test], end[fold.test], evidence.axis.ticks))
    reach = evidence.axis.reach(ends, evidence.embargo)
    before = np.searchsorted(ends, start[fold.train], side="left") - 1
    inside = (before >= 0) & (reach[before] >= start[fold.train])

    def closing(row: int) -> int:
        """The test row whose label is the last to end before the training row."""
        over = np.where(end[fold.test] < start[row], end[fold.test], np.iinfo(np.int64).min)
        return int(fold.test[np.argmax(over)])

    return _found(fold.train[inside], "train rows", closing, evidence)


def groups_apart(fold: CheckedFold, evidence: Evidence) -> Result:
    """G1: no group has rows on both sides."""
    if evidence.groups_policy == "ignore":
        return NotChecked("the splitter was told groups_policy='ignore'", demanded=False)
    if evidence.groups is None:
        return NotChecked("no groups= were given", demanded=False)
    codes, n_groups = evidence.groups.codes, len(evidence.groups.names)
    in_train = mask_of(codes[fold.train], n_groups)
    shared = np.flatnonzero(in_train & mask_of(codes[fold.test], n_groups))
    if len(shared) == 0:
        return Proved()

    def first(rows: IntArray, group: int) -> int:
        return int(rows[np.argmax(codes[rows] == group)])

    pairs = ((first(fold.train, group), first(fold.test, group)) for group in shared.tolist())
    return Violated(len(shared), "groups", _witnesses(pairs, evidence))


def no_duplicates(fold: CheckedFold, evidence: Evidence) -> Result:
    """D1: reserved for the comparison of rows by content."""
    return NotChecked(
        "rows are not compared by content yet", demanded=evidence.duplicates != "report"
    )


def _block_ends(start: IntArray, end: IntArray, ticks: IntArray) -> IntArray:
    """The last label end of every run of neighbouring ticks at which test rows start."""
    tick = np.searchsorted(ticks, start)
    has_test = mask_of(tick, len(ticks))
    opens = has_test & ~np.concatenate(([False], has_test[:-1]))
    last = np.full(int(opens.sum()), np.iinfo(np.int64).min)
    np.maximum.at(last, (np.cumsum(opens) - 1)[tick], end)
    return last


def _unchecked(why: str) -> Check:
    return lambda fold, evidence: NotChecked(why, demanded=False)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "V1",
        Meaning(
            "train and test hold rows of the data, each once",
            "pass two non-empty lists of row numbers per fold",
        ),
        valid_rows,
        is_pairwise=False,
    ),
    Condition(
        "V2",
        Meaning("required classes and groups are present"),
        _unchecked("no required classes or groups can be given yet"),
        is_pairwise=False,
    ),
    Condition(
        "V3",
        Meaning("train and test have a minimum size"),
        _unchecked("no minimum sizes can be given yet"),
        is_pairwise=False,
    ),
    Condition(
        "B0",
        Meaning("train and test share no row", "remove the shared rows from train"),
        shared_rows,
    ),
    Condition("N1", Meaning("no time or group is missing"), known_keys, is_pairwise=False),
    Condition("Z1", Meaning("all times lie on one axis"), one_axis, is_pairwise=False),
    Condition(
        "T1",
        Meaning(
            "every train row starts before the first test row",
            "split by time, for example with GroupTimeSeriesSplit, without shuffling",
        ),
        train_before_test,
    ),
    Condition(
        "P1",
        Meaning(
            "no train label overlaps a test label in time",
            "split with PurgedKFold or GroupTimeSeriesSplit and the right end_time=",
        ),
        labels_apart,
    ),
    Condition(
        "F1",
        Meaning(
            "no train feature window looks into a test label",
            "split with PurgedKFold and feature_start=",
        ),
        windows_blind,
    ),
    Condition(
        "E1",
        Meaning(
            "no train row starts within the embargo after test labels",
            "split with PurgedKFold and embargo=",
        ),
        embargo_kept,
    ),
    Condition(
        "G1",
        Meaning(
            "no group is on both sides",
            "split by group: GroupKFold, or GroupTimeSeriesSplit(groups_policy='disjoint')",
        ),
        groups_apart,
    ),
    Condition("D1", Meaning("no row is on both sides by content"), no_duplicates),
    Condition(
        "O1",
        Meaning("tests of different folds share no row, unless declared"),
        _unchecked("overlap between the tests of folds is not compared yet"),
        is_pairwise=False,
    ),
    Condition(
        "S1",
        Meaning("every fitted step saw train rows only"),
        _unchecked("a split alone does not show what a model was fitted on"),
        is_pairwise=False,
    ),
    Condition(
        "R1",
        Meaning("the same rows give the same fingerprint"),
        _unchecked("it takes two plans: compare their fingerprints"),
        is_pairwise=False,
    ),
)


def check_fold(fold: CheckedFold, evidence: Evidence) -> dict[str, Result]:
    """All conditions of one fold, by name."""
    is_readable = len(fold.train) > 0 and len(fold.test) > 0
    unreadable = NotChecked("one side has no readable row, see V1", demanded=False)
    return {
        condition.name: condition.check(fold, evidence)
        if is_readable or not condition.is_pairwise
        else unreadable
        for condition in CONDITIONS
    }


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


def _found(
    rows: IntArray, unit: str, partner: Callable[[int], int], evidence: Evidence
) -> Proved | Violated:
    """The verdict on the offending train rows, each with the test row it offends."""
    if len(rows) == 0:
        return Proved()
    pairs = ((int(row), partner(int(row))) for row in rows)
    return Violated(len(rows), unit, _witnesses(pairs, evidence))


def _witnesses(pairs: Iterable[tuple[int, int]], evidence: Evidence) -> tuple[Witness, ...]:
    chosen = (pair for _, pair in zip(range(evidence.n_witnesses), pairs, strict=False))
    return tuple(Witness(evidence.view(train), evidence.view(test)) for train, test in chosen)
