"""The conditions of a leak-free split in one table: their names, their meaning, their checks.

A condition looks at one fold and the evidence. It answers Proved, Violated with witnesses, or
NotChecked with the reason; it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from repro.splits.conditions_folds import fitted_on_train, same_again, tests_apart
from repro.splits.conditions_rows import (
    classes_present,
    groups_apart,
    known_keys,
    large_enough,
    no_copies,
    shared_rows,
    valid_rows,
)
from repro.splits.conditions_time import (
    embargo_kept,
    labels_apart,
    one_axis,
    train_before_test,
    windows_blind,
)
from repro.splits.evidence import CheckedFold, Evidence
from repro.splits.proof import Meaning, NotChecked, Result

Check = Callable[[CheckedFold, Evidence], Result]


@dataclass(frozen=True)
class Condition:
    """One condition: its name, its meaning for people, its check."""

    name: str
    meaning: Meaning
    check: Check
    needs_both: bool = True  # says something only if both sides hold rows


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "V1",
        Meaning(
            "train and test hold rows of the data, each once",
            "pass two non-empty lists of row numbers per fold",
        ),
        valid_rows,
        needs_both=False,
    ),
    Condition(
        "V2",
        Meaning(
            "required classes and groups are on both sides, no class of the test is new",
            "split by class: StratifiedKFold or StratifiedGroupPurgedKFold, with fewer folds",
        ),
        classes_present,
    ),
    Condition(
        "V3",
        Meaning(
            "train and test have a minimum size",
            "ask for fewer or longer folds, or lower min_train= and min_test=",
        ),
        large_enough,
    ),
    Condition(
        "B0",
        Meaning("train and test share no row", "remove the shared rows from train"),
        shared_rows,
    ),
    Condition("N1", Meaning("no time or group is missing"), known_keys, needs_both=False),
    Condition("Z1", Meaning("all times lie on one axis"), one_axis, needs_both=False),
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
    Condition(
        "D1",
        Meaning(
            "no train row equals a test row by content",
            "keep one of equal rows, or pass what they share as groups= and split by group",
        ),
        no_copies,
    ),
    Condition(
        "O1",
        Meaning(
            "tests of different folds share no row, unless declared",
            "test each row once, or say tests_overlap=True",
        ),
        tests_apart,
        needs_both=False,
    ),
    Condition(
        "S1",
        Meaning(
            "every fitted step saw train rows only",
            "put every step into a Pipeline, and fit it on the training rows of its fold",
        ),
        fitted_on_train,
        needs_both=False,
    ),
    Condition(
        "R1",
        Meaning(
            "the same rows give the same folds again",
            "pass random_state= to the splitter, or freeze its folds with make_plan()",
        ),
        same_again,
        needs_both=False,
    ),
)


def check_fold(fold: CheckedFold, evidence: Evidence) -> dict[str, Result]:
    """All conditions of one fold, by name."""
    has_both = fold.train.n_rows > 0 and fold.test.n_rows > 0
    unreadable = NotChecked("one side has no readable row, see V1", demanded=False)
    return {
        condition.name: condition.check(fold, evidence)
        if has_both or not condition.needs_both
        else unreadable
        for condition in CONDITIONS
    }
