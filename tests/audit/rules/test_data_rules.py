import pytest
from fake_history import CLAIM

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.data import (
    data_differs,
    exact_overlap,
    split_leaks,
    temporal_leak,
)
from repro.claims import Claim
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data, Overlap, Role
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition, Split
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
TRAIN, TEST = DATA.roles


def other(role: Role, **changes: object) -> Role:
    return role.model_copy(update={"digest": "blake3:0", "rows_digest": "blake3:0", **changes})


def reordered(role: Role) -> Role:
    return role.model_copy(update={"digest": "blake3:0"})


def differing(left: Data, right: Data, claim: Claim = CLAIM) -> list[Violation]:
    return list(data_differs.check.check(claim, Arms.of(left, right)))


def test_other_rows_are_reported_with_the_role_that_has_them() -> None:
    changed = DATA.but(roles=(other(TRAIN), TEST), pool_digest="blake3:0")
    (found,) = differing(DATA, changed)
    assert found.message == "baseline holds the data cc, candidate 0; other rows in: train"
    assert found.points == ("data.pool_digest", "data.train.n_rows")


def test_equal_data_that_were_cut_otherwise_are_not_this_rules_business() -> None:
    assert differing(DATA, DATA.but(roles=(other(TRAIN), other(TEST)))) == []


def test_training_data_may_be_the_treatment() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("data.train.*",)})
    changed = DATA.but(roles=(other(TRAIN), TEST), pool_digest="blake3:0")
    assert differing(DATA, changed, claim) == []


def test_declaring_the_training_data_does_not_declare_the_test_data() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("data.train.*",)})
    changed = DATA.but(roles=(other(TRAIN), other(TEST)), pool_digest="blake3:0")
    (found,) = differing(DATA, changed, claim)
    assert found.message.endswith("other rows in: test")


@pytest.mark.parametrize("glob", ["data.*", "data.test.*", "data.test.rows_digest"])
def test_the_evaluation_data_cannot_be_declared_away(glob: str) -> None:
    claim = CLAIM.model_copy(update={"treatment": (glob,), "nuisance": (glob,)})
    changed = DATA.but(roles=(TRAIN, other(TEST)), pool_digest="blake3:0")
    (found,) = differing(DATA, changed, claim)
    assert found.message.endswith("other rows in: test")
    assert found.fix == "run both arms on one version of the data"


def test_another_order_of_train_does_not_excuse_other_scored_rows() -> None:
    (train,) = differing(DATA, DATA.but(roles=(reordered(TRAIN), TEST)))
    assert train.consequences == ("split.train_digest",)
    (test,) = differing(DATA, DATA.but(roles=(TRAIN, reordered(TEST))))
    assert test.consequences == ("split.test_digest", "scores.*.rows_digest")


def test_a_role_that_one_arm_did_not_log_differs() -> None:
    (found,) = differing(DATA, DATA.but(roles=(TEST,), pool_digest="blake3:0"))
    assert found.message.endswith("other rows in: train")


def test_the_same_rows_in_another_order_are_a_note() -> None:
    (found,) = differing(DATA, DATA.but(roles=(reordered(TRAIN), TEST)))
    assert (found.message, found.severity, found.points) == (
        "the same rows in another order: train",
        Severity.NOTE,
        ("data.train.digest",),
    )


def overlapping(n_shared: int, n_expected: float, distinct_share: float) -> Data:
    roles = tuple(
        role.model_copy(update={"max_distinct_share": distinct_share, "n_rows": 10_000})
        for role in DATA.roles
    )
    overlap = Overlap(
        roles="train/test",
        n_shared=n_shared,
        n_shared_features=n_shared,
        n_expected=n_expected,
    )
    return DATA.but(roles=roles, overlaps=(overlap,))


@pytest.mark.parametrize(
    ("n_shared", "n_expected", "distinct_share", "severity"),
    [
        (10, 0.0, 0.9, None),  # 0.1 % is tolerated
        (11, 0.0, 0.9, Severity.ERROR),
        (11, 100.0, 0.51, Severity.ERROR),  # a column that tells rows apart leaves no chance
        (11, 1.0, 0.5, Severity.WARNING),
        (11, 1.1, 0.5, Severity.NOTE),
        (101, 0.49, 0.5, Severity.ERROR),  # no chance repeats 1 % where it repeats no row
        (100, 0.49, 0.5, Severity.WARNING),
        (101, 0.5, 0.5, Severity.WARNING),
    ],
)
def test_an_overlap_weighs_by_what_tells_rows_apart_and_by_what_chance_gives(
    n_shared: int, n_expected: float, distinct_share: float, severity: Severity | None
) -> None:
    found = list(exact_overlap.check.check(overlapping(n_shared, n_expected, distinct_share)))
    assert [one.severity for one in found] == ([severity] if severity else [])


@pytest.mark.parametrize(("n_shared", "severity"), [(2, Severity.WARNING), (3, Severity.ERROR)])
def test_one_or_two_repeats_in_a_handful_of_rows_are_no_copy(
    n_shared: int, severity: Severity
) -> None:
    """Iris: 43 distinct lengths in 150 rows, 19 in the 30 of a test set; two flowers are equal."""
    train, test = (
        role.model_copy(update={"n_rows": n_rows, "max_distinct_share": share})
        for role, n_rows, share in zip(DATA.roles, (120, 30), (0.33, 0.63), strict=True)
    )
    iris = overlapping(n_shared, 0.01, 0.0).but(roles=(train, test))
    (found,) = exact_overlap.check.check(iris)
    assert found.severity is severity


def test_a_third_set_does_not_say_what_tells_the_rows_of_two_apart() -> None:
    coarse = overlapping(11, 1.0, 0.5)
    unlabelled = coarse.roles[0].model_copy(update={"role": "predict", "max_distinct_share": 1.0})
    (found,) = exact_overlap.check.check(coarse.but(roles=(*coarse.roles, unlabelled)))
    assert found.severity is Severity.WARNING


def test_an_overlap_is_told_in_rows() -> None:
    (found,) = exact_overlap.check.check(overlapping(45, 0.1, 0.9))
    assert found.message == "45 of 10000 test rows also stand in train (0.1 expected by chance)"


def test_without_both_sides_an_overlap_is_unknown() -> None:
    (found,) = exact_overlap.check.check(DATA.but(roles=(TEST,), overlaps=()))
    assert isinstance(found, Unknown)
    assert found.message == "training and evaluation data were not both logged"


def test_data_that_were_read_in_part_are_unknown() -> None:
    part = TRAIN.model_copy(update={"coverage": 0.1})
    (found,) = exact_overlap.check.check(DATA.but(roles=(part, TEST)))
    assert (type(found), found.message) == (Unknown, "only a part was read of: train")


def proved(id: str, outcome: str, **changes: object) -> Split:
    condition = Condition(id=id, outcome=outcome, detail="2 of 9")
    return SPLIT.but(proof=(condition,), **changes)


def timed(latest_train: str | None, split: Split | Absent = SPLIT) -> list[Answer]:
    overlap = DATA.overlaps[0].model_copy(
        update={
            "latest_train": latest_train,
            "earliest_eval": latest_train and "2026-02-01T00:00:00+00:00",
        }
    )
    return list(temporal_leak.check.check(DATA.but(time="day", overlaps=(overlap,)), split))


FORWARD = SPLIT.but(policy="walk_forward", has_times=True)


def test_a_time_that_evaluation_rows_do_not_have_is_unknown() -> None:
    overlap = DATA.overlaps[0].model_copy(update={"latest_train": "2026-02-02T00:00:00+00:00"})
    data = DATA.but(time="day", overlaps=(overlap,))
    (found,) = temporal_leak.check.check(data, SPLIT.but(policy="walk_forward"))
    assert isinstance(found, Unknown)


def test_time_that_nobody_declared_does_not_apply() -> None:
    found = list(temporal_leak.check.check(DATA, SPLIT))
    assert found == [NotApplicable("no time was declared")]


def undeclared_time(latest_train: str, split: Split | Absent) -> list[Answer]:
    times = {"latest_train": latest_train, "earliest_eval": "2026-02-01T00:00:00+00:00"}
    overlap = DATA.overlaps[0].model_copy(update=times)
    return list(temporal_leak.check.check(DATA.but(only_time="day", overlaps=(overlap,)), split))


def test_rows_that_interleave_in_a_time_that_nobody_declared_are_a_warning() -> None:
    (found,) = undeclared_time("2026-02-02T00:00:00+00:00", NOT_RECORDED)
    assert isinstance(found, Violation)
    assert found.severity is Severity.WARNING
    assert found.message.startswith("no time was declared, and by day train reaches 2026-02-02T")
    assert undeclared_time("2026-01-31T00:00:00+00:00", NOT_RECORDED) == []
    (planned,) = undeclared_time("2026-02-02T00:00:00+00:00", SPLIT)
    assert isinstance(planned, NotApplicable)


def test_a_forward_split_that_trains_on_later_rows_is_an_error() -> None:
    (found,) = timed("2026-02-02T00:00:00+00:00", FORWARD)
    assert isinstance(found, Violation)
    assert (found.severity, found.message) == (
        None,
        "train reaches 2026-02-02T00:00:00+00:00, evaluation starts 2026-02-01T00:00:00+00:00",
    )


def test_times_are_compared_as_times_not_as_text() -> None:
    assert timed("2026-02-01T00:30:00+01:00", FORWARD) == []  # half past eleven the day before


def test_the_first_evaluation_row_may_be_as_old_as_the_last_training_row() -> None:
    assert timed("2026-02-01T00:00:00+00:00", FORWARD) == []


def test_rows_that_interleave_in_a_declared_time_are_an_error_without_a_plan_too() -> None:
    (found,) = timed("2026-02-02T00:00:00+00:00", SPLIT.but(policy=None))
    assert isinstance(found, Violation)
    assert found.severity is None  # as the rule: an error


def test_a_purged_plan_may_train_on_both_sides_of_its_fold() -> None:
    assert timed("2026-02-02T00:00:00+00:00", SPLIT.but(policy="kfold")) == []


def test_a_split_that_calls_rows_exchangeable_may_interleave() -> None:
    assert timed("2026-02-02T00:00:00+00:00", SPLIT) == []


@pytest.mark.parametrize("condition", ["T1", "P1"])
def test_a_violated_proof_is_an_error(condition: str) -> None:
    split = proved(condition, "VIOLATED", has_times=True, policy="walk_forward")
    (found,) = temporal_leak.check.check(NOT_RECORDED, split)
    assert isinstance(found, Violation)
    assert found.points == (f"split.proof.{condition}.outcome",)


def test_a_condition_that_was_not_checked_is_unknown() -> None:
    split = proved("P1", "NOT_CHECKED", has_times=True, policy="walk_forward")
    (found,) = temporal_leak.check.check(NOT_RECORDED, split)
    assert isinstance(found, Unknown)
    assert found.message == "P1 of the split was not checked: 2 of 9"


def test_a_declared_time_that_nobody_compared_is_unknown() -> None:
    (found,) = timed(None, FORWARD)
    assert isinstance(found, Unknown)
    assert found.message == "time was declared and not compared"


def test_a_proved_forward_split_passes_without_the_data() -> None:
    split = proved("T1", "PROVED", has_times=True, policy="walk_forward")
    assert list(temporal_leak.check.check(NOT_RECORDED, split)) == []


def test_roles_in_other_layouts_share_nothing_that_could_be_told() -> None:
    recast = TEST.model_copy(update={"schema_digest": "blake3:0"})
    (found,) = exact_overlap.check.check(DATA.but(roles=(TRAIN, recast)))
    assert isinstance(found, Unknown)
    assert (found.message, found.fix, found.points) == (
        "train and test have other columns or dtypes: their overlap cannot be told",
        "log both in one layout",
        ("data.train.schema_digest", "data.test.schema_digest"),
    )


def test_a_violated_condition_that_no_other_rule_owns_is_an_error() -> None:
    (found,) = split_leaks.check.check(proved("V1", "VIOLATED"))
    assert isinstance(found, Violation)
    assert (found.message, found.points) == (
        "the split violates V1: 2 of 9",
        ("split.proof.V1.outcome",),
    )


@pytest.mark.parametrize(("id", "outcome"), [("G1", "VIOLATED"), ("V1", "NOT_CHECKED")])
def test_what_others_judge_and_what_was_not_checked_is_no_leak(id: str, outcome: str) -> None:
    assert list(split_leaks.check.check(proved(id, outcome))) == []


def test_without_a_split_there_is_no_proof_to_read() -> None:
    assert list(split_leaks.check.check(NOT_RECORDED)) == [NotApplicable("no split was recorded")]
