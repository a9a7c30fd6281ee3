from fake_history import ADAMW, tracked

from repro.audit.finding import Evidence
from repro.audit.record_diff import diff_records
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.fact import Absent


def test_equal_records_have_nothing_to_show() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9))
    assert (diff.compared, diff.ignored, diff.unknown, diff.exit_code) == ((), (), (), 0)


def test_what_a_claim_compares_stands_apart_from_what_it_ignores() -> None:
    diff = diff_records(
        tracked(1, 0, 0.9), tracked(1, 0, 0.9, *ADAMW, BUDGET.but(wall_seconds=9.0))
    )
    assert [row.path for row in diff.compared] == [
        "optimizer.lr",
        "optimizer.momentum",
        "optimizer.name",
        "params.lr",
    ]
    assert diff.compared[1] == Evidence(
        path="optimizer.momentum", baseline=(0.9,), candidate=("not set",)
    )
    assert [row.path for row in diff.ignored] == ["budget.wall_seconds"]
    assert diff.exit_code == 1


def test_a_fact_that_one_side_did_not_record_cannot_be_told() -> None:
    absent = Absent(reason="nobody looked", kind="not_recorded")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, optimizer=absent))
    assert (diff.unknown, diff.exit_code) == (("optimizer",), 3)


def test_a_fact_that_applies_to_one_side_only_is_a_difference() -> None:
    absent = Absent(reason="nothing is trained", kind="not_applicable")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, optimizer=absent))
    assert (diff.compared, diff.unknown) == (
        (Evidence(path="optimizer", baseline=("SGD ...",), candidate=("not applicable",)),),
        (),
    )
