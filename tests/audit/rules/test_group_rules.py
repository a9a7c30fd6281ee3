"""Groups that stand on both sides of a split: declared, or inferred from a column's name."""

import pytest

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.data import group_straddle
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data, Strange
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition, Split

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")


def grouped(data: Data | Absent, split: Split | Absent) -> list[Answer]:
    return list(group_straddle.check.check(data, split))


def with_groups(n_shared: int | None) -> Data:
    overlap = DATA.overlaps[0].model_copy(update={"n_shared_groups": n_shared})
    return DATA.but(group="patient", overlaps=(overlap,))


def proved(id: str, outcome: str, **changes: object) -> Split:
    condition = Condition(id=id, outcome=outcome, detail="2 of 9")
    return SPLIT.but(proof=(condition,), **changes)


def test_groups_that_nobody_declared_do_not_apply() -> None:
    assert grouped(DATA, SPLIT) == [NotApplicable("no groups were declared")]


def with_column(name: str, *, n_unseen: int | None = 0, **changes: object) -> Data:
    """1,347 and 450 rows with a column of 100 values each, of which test holds some unseen."""
    column = (
        DATA.roles[0]
        .columns[0]
        .model_copy(update={"name": name, "dtype": "int64", "n_distinct": 100, **changes})
    )
    strange = (Strange(column=name, n_outside=1, n_unseen=n_unseen, once_share=0.0),)
    overlap = DATA.overlaps[0].model_copy(update={"strange": strange if n_unseen != 0 else ()})
    roles = tuple(role.model_copy(update={"columns": (column,)}) for role in DATA.roles)
    return DATA.but(roles=roles, overlaps=(overlap,))


@pytest.mark.parametrize("name", ["patient", "patient_id", "PatientId", "site_uuid", "speakers"])
def test_an_entity_that_nobody_declared_is_inferred_from_its_name_and_is_a_warning(
    name: str,
) -> None:
    (found,) = grouped(with_column(name, n_unseen=150, n_missing=10), SPLIT)
    assert isinstance(found, Violation)
    assert found.message == (
        f"290 of 450 test rows have a {name} that train has, too, and no group was declared"
    )
    assert found.severity is Severity.WARNING
    assert found.points[1] == f"data.test.columns.{name}.n_distinct"


@pytest.mark.parametrize(
    "data",
    [
        with_column("age"),
        with_column("inpatients_seen"),
        with_column("patient_id", n_unseen=450),  # split by it
        with_column("patient_id", n_unseen=None),  # nobody compared it
        with_column("patient_id", n_distinct=1_001),
        with_column("patient_id", n_distinct=674),  # fewer than two rows of each
        with_column("patient_id", n_distinct=9),  # the values of a feature
        with_column("patient_id", dtype="float64"),
    ],
)
def test_what_is_no_entity_or_stands_on_one_side_does_not_apply(data: Data) -> None:
    assert grouped(data, SPLIT) == [NotApplicable("no groups were declared")]


def test_as_few_as_ten_entities_with_two_rows_each_are_inferred() -> None:
    for n_distinct in (10, 673):
        (found,) = grouped(with_column("user_id", n_distinct=n_distinct), SPLIT)
        assert isinstance(found, Violation)


@pytest.mark.parametrize(("n_distinct", "kind"), [(1_000, Violation), (1_001, NotApplicable)])
def test_more_values_than_are_compared_prove_nothing(n_distinct: int, kind: type[Answer]) -> None:
    data = with_column("user_id", n_distinct=n_distinct)
    many = tuple(role.model_copy(update={"n_rows": 9_000}) for role in data.roles)
    (found,) = grouped(data.but(roles=many), SPLIT)
    assert isinstance(found, kind)


def test_columns_that_nobody_compared_prove_nothing() -> None:
    data = with_column("user_id")
    apart = data.overlaps[0].model_copy(update={"n_columns": None})
    found = grouped(data.but(overlaps=(apart,)), SPLIT)
    assert found == [NotApplicable("no groups were declared")]


def test_two_sets_to_evaluate_on_may_share_their_entities() -> None:
    data = with_column("user_id")
    train, test = data.roles
    valid = test.model_copy(update={"role": "valid"})
    shared = data.overlaps[0].model_copy(update={"roles": "valid/test"})
    for overlaps in ((shared,), ()):
        found = grouped(data.but(roles=(train, valid, test), overlaps=overlaps), SPLIT)
        assert found == [NotApplicable("no groups were declared")]


def test_a_declared_group_decides_whatever_other_columns_are_called() -> None:
    declared = with_column("user_id").but(group="patient")
    (found,) = grouped(declared, SPLIT)
    assert isinstance(found, Unknown)


def test_shared_groups_are_a_violation_by_the_data_or_by_the_proof() -> None:
    (by_data,) = grouped(with_groups(3), SPLIT)
    assert isinstance(by_data, Violation)
    assert by_data.points == ("data.overlaps.train/test.n_shared_groups",)
    (by_proof,) = grouped(DATA, proved("G1", "VIOLATED", has_groups=True))
    assert isinstance(by_proof, Violation)
    assert by_proof.message == "the split cuts through groups: 2 of 9"


def test_groups_kept_apart_pass_by_the_data_or_by_the_proof() -> None:
    assert grouped(with_groups(0), SPLIT) == []
    assert grouped(DATA, proved("G1", "PROVED", has_groups=True)) == []
    assert grouped(with_groups(0), proved("G1", "NOT_CHECKED", has_groups=True)) == []


def test_declared_groups_that_nobody_compared_are_unknown() -> None:
    (found,) = grouped(DATA, proved("G1", "NOT_CHECKED", has_groups=True))
    assert isinstance(found, Unknown)
    assert found.message == "groups were declared and not compared: 2 of 9"
    (found,) = grouped(with_groups(None), SPLIT)
    assert isinstance(found, Unknown)
    assert found.message == "groups were declared and not compared"


def test_one_of_data_and_split_is_enough_to_know_that_no_group_was_declared() -> None:
    assert grouped(NOT_RECORDED, SPLIT) == [NotApplicable("no groups were declared")]
    assert grouped(DATA, NOT_RECORDED) == [NotApplicable("no groups were declared")]


def test_without_data_and_split_groups_are_unknown() -> None:
    (found,) = grouped(NOT_RECORDED, NOT_RECORDED)
    assert isinstance(found, Unknown)
    assert found.message == "data is not recorded: nobody looked"
