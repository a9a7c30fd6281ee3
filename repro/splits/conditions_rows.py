"""Conditions on which rows a fold holds: numbers, classes, groups, copies."""

from __future__ import annotations

import numpy as np

from repro.splits.evidence import CheckedFold, Evidence
from repro.splits.labels import Labels
from repro.splits.proof import NotChecked, Proved, Result, Violated, Witness
from repro.splits.sides import first_of, present
from repro.splits.times import IntArray
from repro.splits.witnesses import found, witnesses


def valid_rows(fold: CheckedFold, evidence: Evidence) -> Result:
    """V1: both sides hold rows, and every entry is a row of the data, once."""
    faults = (*fold.train.faults, *fold.test.faults)
    if not faults:
        return Proved()
    shown = tuple(
        Witness(note=fault.note, name=fault.label) for fault in faults[: evidence.n_witnesses]
    )
    return Violated(sum(fault.n_entries for fault in faults), "entries", shown)


def classes_present(fold: CheckedFold, evidence: Evidence) -> Result:
    """V2: what is required stands on both sides, and no class of the test is new to it."""
    unmet = _required_missing(fold, evidence)
    classes = evidence.classes
    if isinstance(classes, Labels):
        unmet += _new_classes(fold, evidence, classes)
    if unmet:
        return Violated(len(unmet), "classes or groups", tuple(unmet[: evidence.n_witnesses]))
    if isinstance(classes, str) and not evidence.required:
        return NotChecked(classes, demanded=False)
    return Proved()


def _required_missing(fold: CheckedFold, evidence: Evidence) -> list[Witness]:
    sides = (("train", fold.train.mask), ("test", fold.test.mask))
    return [
        Witness(note=f"has no {side} row", name=one.name)
        for one in evidence.required
        for side, mask in sides
        if not present(one.codes, one.n_codes, mask)[one.code]
    ]


def _new_classes(fold: CheckedFold, evidence: Evidence, classes: Labels) -> list[Witness]:
    in_test = present(classes.codes, len(classes.names), fold.test.mask)
    new = in_test & ~present(classes.codes, len(classes.names), fold.train.mask)
    return [
        Witness(
            test=evidence.view(first_of(classes.codes, code, fold.test.mask)),
            note="has no train row",
            name=f"class {classes.names[code]!r}",
        )
        for code in np.flatnonzero(new).tolist()
    ]


def large_enough(fold: CheckedFold, evidence: Evidence) -> Result:
    """V3: both sides have as many rows as they must."""
    sides = (
        ("train", fold.train.n_rows, evidence.min_train),
        ("test", fold.test.n_rows, evidence.min_test),
    )
    notes = [
        f"{side} has {n_rows} rows, min_{side}={least}"
        for side, n_rows, least in sides
        if n_rows < least
    ]
    if not notes:
        return Proved()
    shown = tuple(Witness(note=note) for note in notes[: evidence.n_witnesses])
    return Violated(len(notes), "sides", shown)


def shared_rows(fold: CheckedFold, evidence: Evidence) -> Result:
    """B0: no row stands on both sides."""
    shared = np.flatnonzero(fold.train.mask & fold.test.mask)
    return found(shared, "rows", lambda row: row, evidence)


def known_keys(fold: CheckedFold, evidence: Evidence) -> Result:
    """N1: reading refuses missing times and groups, so what was read has none."""
    if evidence.spans is None and evidence.groups is None:
        return NotChecked("neither times= nor groups= were given", demanded=False)
    return Proved()


def groups_apart(fold: CheckedFold, evidence: Evidence) -> Result:
    """G1: no group has rows on both sides."""
    if evidence.groups_policy == "ignore":
        return NotChecked("the splitter was told groups_policy='ignore'", demanded=False)
    if evidence.groups is None:
        return NotChecked("no groups= were given", demanded=False)
    codes, n_groups = evidence.groups.codes, len(evidence.groups.names)
    in_test = present(codes, n_groups, fold.test.mask)
    straddling = in_test[codes]
    straddling &= fold.train.mask
    if not straddling.any():
        return Proved()
    is_shared = np.zeros(n_groups, dtype=bool)
    is_shared[codes[straddling]] = True
    shared = np.flatnonzero(is_shared)
    pairs = (
        (first_of(codes, group, fold.train.mask), first_of(codes, group, fold.test.mask))
        for group in shared.tolist()
    )
    return Violated(len(shared), "groups", witnesses(pairs, evidence))


def no_copies(fold: CheckedFold, evidence: Evidence) -> Result:
    """D1: no training row equals a test row: in features and label, or in features alone."""
    copies, mode = evidence.copies, evidence.duplicates
    if isinstance(copies, str):
        return NotChecked(copies, demanded=mode != "report")
    sides = fold.train.mask, fold.test.mask
    alike, equal = copies.features.across(*sides), copies.whole.across(*sides)
    if len(alike) == 0:
        return Proved()
    if mode == "report":
        return NotChecked(f"{_counts(equal, alike)}; duplicates='report' allows it", False)
    if mode == "forbid":
        partner = copies.whole.partner
        return found(equal, "train rows", lambda row: partner(row, sides[1]), evidence)
    partner = copies.features.partner
    unit = f"train rows ({len(alike) - len(equal)} with another label)"
    return found(alike, unit, lambda row: partner(row, sides[1]), evidence)


def _counts(equal: IntArray, alike: IntArray) -> str:
    return (
        f"{len(equal)} train rows equal a test row in features and label, "
        f"{len(alike)} in features alone"
    )
