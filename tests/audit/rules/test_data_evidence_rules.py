from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_history import CLAIM

from repro.audit.rule import Answer, NotApplicable, Rule, Severity, Unknown, Violation
from repro.audit.rules.data import (
    near_duplicate_overlap,
    split_shift,
    target_proxy,
    weak_digest,
)
from repro.claims import Claim, Policy
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Column, Data, Near, Role, Strange
from repro.facts.fact import Absent

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
POLICY = Policy(file=Path("repro.toml"))
TRAIN, TEST = DATA.roles
OVERLAP = DATA.overlaps[0]
NEAR = Near(
    method="columns", threshold=0.1, n_compared=1000, n_near=0, n_expected=0.0, coverage=1.0
)


def asked(rule: Rule, *given: object) -> list[Answer]:
    found: Iterator[Answer] = rule.check(*given)
    return list(found)


def only(answers: list[Answer]) -> Violation | Unknown:
    (found,) = answers
    assert not isinstance(found, NotApplicable)
    return found


# weak-digest


def test_a_sample_is_unknown_here_and_an_error_in_a_release() -> None:
    part = TRAIN.model_copy(update={"reading": "sample", "coverage": 0.25})
    data = DATA.but(roles=(part, TEST))
    here = only(asked(weak_digest.check, data, POLICY))
    assert isinstance(here, Unknown)
    assert (here.severity, here.message) == (
        Severity.WARNING,
        "1347 rows of train were read, 0.25 of all",
    )
    release = POLICY.model_copy(update={"profile": "release"})
    assert isinstance(only(asked(weak_digest.check, data, release)), Violation)


def test_a_stream_was_seen_and_not_read() -> None:
    stream = TRAIN.model_copy(update={"reading": "seen", "coverage": 0.0})
    found = only(asked(weak_digest.check, DATA.but(roles=(stream, TEST)), POLICY))
    assert found.message == "train is a stream: 1347 rows of it were seen"
    assert asked(weak_digest.check, DATA, POLICY) == []


# near-duplicate-overlap


def near(claim: Claim = CLAIM, **changes: object) -> list[Answer]:
    overlap = OVERLAP.model_copy(update={"near": NEAR.model_copy(update=changes)})
    return asked(near_duplicate_overlap.check, claim, DATA.but(overlaps=(overlap,)))


@pytest.mark.parametrize(
    ("n_near", "n_expected", "severity"),
    [(3, 0.0, []), (300, 100.0, []), (8, 0.1, [Severity.WARNING]), (11, 0.1, [None])],
)
def test_near_rows_weigh_by_their_share_and_not_where_chance_gives_them(
    n_near: int, n_expected: float, severity: list[Severity | None]
) -> None:
    claim = CLAIM.model_copy(update={"min_effect": None})
    answers = near(claim, n_near=n_near, n_expected=n_expected)
    assert [found.severity for found in answers if isinstance(found, Violation)] == severity


def test_as_many_near_rows_as_the_claimed_gain_are_an_error() -> None:
    assert only(near(n_near=8)).severity is None
    assert only(near(n_near=4)).severity is Severity.WARNING


def test_near_rows_are_counted_up_where_train_was_read_in_part() -> None:
    claim = CLAIM.model_copy(update={"min_effect": None})
    assert only(near(claim, n_near=8, train_share=0.5)).severity is None


def test_where_nobody_looked_for_near_rows_it_is_unknown() -> None:
    overlap = OVERLAP.model_copy(update={"near": None, "not_near": "train has other columns"})
    found = only(asked(near_duplicate_overlap.check, CLAIM, DATA.but(overlaps=(overlap,))))
    assert isinstance(found, Unknown)
    assert found.message.endswith("in train/test: train has other columns")


# target-proxy, split-shift


def with_columns(train: Column, test: Column, **changes: object) -> Data:
    roles = [
        role.model_copy(update={"columns": (column,)})
        for role, column in ((TRAIN, train), (TEST, test))
    ]
    overlap = OVERLAP.model_copy(update={"strange": ()})
    return DATA.but(**{"roles": tuple(roles), "overlaps": (overlap,), **changes})


def column(**changes: object) -> Column:
    return TRAIN.columns[0].model_copy(update={"name": "x", **changes})


def test_a_column_that_tells_the_label_is_told_and_can_be_declared() -> None:
    data = with_columns(column(tells_label=1.0), column())
    assert only(asked(target_proxy.check, CLAIM, data)).message == "column x alone is the label"
    nuisance = ("data.train.columns.x.tells_label",)
    declared = CLAIM.model_copy(update={"nuisance": nuisance})
    assert asked(target_proxy.check, declared, data) == []
    assert asked(target_proxy.check, CLAIM, with_columns(column(tells_label=0.994), column())) == []


def test_labels_that_do_not_stand_apart_cannot_be_told() -> None:
    data = with_columns(column(tells_label=None), column())
    (found,) = asked(target_proxy.check, CLAIM, data)
    assert isinstance(found, NotApplicable)


def shifted(test: Column, claim: Claim = CLAIM, **changes: object) -> list[Answer]:
    return asked(split_shift.check, claim, with_columns(column(), test, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "text"}, "column x is float64 in train, text in test"),
        ({"n_missing": 40}, "column x is missing in 0 of 1347 train rows, in 40 of 450 test rows"),
        ({"dtype": "float32"}, None),
        ({"n_missing": 10}, None),
    ],
)
def test_another_dtype_and_new_gaps_are_told(changes: dict[str, object], message: str) -> None:
    answers = shifted(column(**changes))
    assert [only(answers).message] == [message] if message else not answers


def test_strange_values_of_a_time_or_a_declared_column_are_not_told() -> None:
    strange = Strange(column="x", n_outside=60)
    overlap = OVERLAP.model_copy(update={"strange": (strange,)})
    assert only(shifted(column(), overlaps=(overlap,)))
    assert shifted(column(), overlaps=(overlap,), time="x") == []
    declared = CLAIM.model_copy(update={"nuisance": ("data.overlaps.train/test.strange*",)})
    assert shifted(column(), declared, overlaps=(overlap,)) == []


@pytest.mark.parametrize(
    ("train", "test", "is_told"),
    [
        (0, 22, False),  # missing in test alone: from 5 % on
        (0, 23, True),
        (1, 90, False),  # missing in both: from 20 points on
        (1, 91, True),
        (1_000, 245, False),  # fewer are missing than in train
        (1_000, 244, True),
    ],
)
def test_a_gap_is_told_from_its_threshold_on(train: int, test: int, *, is_told: bool) -> None:
    data = with_columns(column(n_missing=train), column(n_missing=test))
    assert bool(asked(split_shift.check, CLAIM, data)) is is_told


@pytest.mark.parametrize(("missing", "is_told"), [(72, False), (73, True)])
def test_in_a_hundred_rows_a_gap_is_told_from_six_deviations_on(
    missing: int, *, is_told: bool
) -> None:
    data = with_columns(column(n_missing=30), column(n_missing=missing))
    few = tuple(role.model_copy(update={"n_rows": 100}) for role in data.roles)
    assert bool(asked(split_shift.check, CLAIM, data.but(roles=few))) is is_told


def test_a_column_that_is_new_declared_or_the_time_is_not_held_against_train() -> None:
    assert shifted(column(name="y", dtype="text")) == []
    meant = CLAIM.model_copy(update={"nuisance": ("data.test.columns.x*",)})
    assert shifted(column(dtype="text"), meant) == []
    assert shifted(column(dtype="text"), time="x") == []
    assert shifted(column(dtype="text"), group="x") == []


def test_unseen_values_are_counted() -> None:
    strange = Strange(column="x", n_unseen=60, once_share=0.0)
    overlap = OVERLAP.model_copy(update={"strange": (strange,)})
    assert only(shifted(column(), overlaps=(overlap,))).message == (
        "column x: 60 of 450 test rows hold values that train never has"
    )


@pytest.mark.parametrize(
    ("strange", "is_told"),
    [
        (Strange(column="x", n_outside=22), False),
        (Strange(column="x", n_outside=23), True),
        (Strange(column="x", n_unseen=26, once_share=0.0), False),
        (Strange(column="x", n_unseen=27, once_share=0.0), True),
        (Strange(column="x", n_unseen=114, once_share=0.1), False),  # a tenth is expected
        (Strange(column="x", n_unseen=115, once_share=0.1), True),
        (Strange(column="x", n_unseen=450, once_share=1.0), False),  # an identifier
        (Strange(column="x", n_unseen=450), False),  # nobody knows how many to expect
    ],
)
def test_strange_values_are_told_from_their_threshold_on(
    strange: Strange, *, is_told: bool
) -> None:
    overlap = OVERLAP.model_copy(update={"strange": (strange,)})
    assert bool(shifted(column(), overlaps=(overlap,))) is is_told


@pytest.mark.parametrize(("n_outside", "is_told"), [(29, False), (30, True)])
def test_in_forty_rows_it_takes_thirty_beyond_the_range(n_outside: int, *, is_told: bool) -> None:
    """Half of all rows: 30 of them lie beyond the others with a probability of 2 ** -30."""
    both = [
        role.model_copy(update={"n_rows": 40, "columns": (column(),)}) for role in (TRAIN, TEST)
    ]
    overlap = OVERLAP.model_copy(update={"strange": (Strange(column="x", n_outside=n_outside),)})
    data = DATA.but(roles=tuple(both), overlaps=(overlap,))
    assert bool(asked(split_shift.check, CLAIM, data)) is is_told


def test_valid_and_test_are_not_held_against_each_other() -> None:
    valid = TRAIN.model_copy(update={"role": "valid", "columns": (column(dtype="text"),)})
    other = OVERLAP.model_copy(update={"roles": "valid/test", "strange": ()})
    data = with_columns(column(), column(), overlaps=(other,))
    assert asked(split_shift.check, CLAIM, data.but(roles=(*data.roles, valid))) == []
    assert asked(split_shift.check, CLAIM, data) == []  # and valid was not logged


def test_six_rows_beyond_a_handful_prove_no_shift() -> None:
    few = [role.model_copy(update={"n_rows": 12, "columns": (column(),)}) for role in (TRAIN, TEST)]
    overlap = OVERLAP.model_copy(update={"strange": (Strange(column="x", n_outside=6),)})
    roles: tuple[Role, ...] = tuple(few)
    assert asked(split_shift.check, CLAIM, DATA.but(roles=roles, overlaps=(overlap,))) == []


def test_columns_that_were_not_compared_are_unknown() -> None:
    overlap = OVERLAP.model_copy(update={"n_columns": None, "strange": ()})
    (found,) = shifted(column(), overlaps=(overlap,))
    assert isinstance(found, Unknown)
