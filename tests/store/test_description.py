import pytest

from repro.audit.example import example_record
from repro.facts.code import EXAMPLE as CODE
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.fact import Absent
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.record import RunRecord
from repro.store.description import BEGIN, END, merged_description, summary

RECORD = example_record()
BLOCK = f"{BEGIN}\n{summary(RECORD)}\n{END}"


@pytest.mark.parametrize(
    ("current", "merged"),
    [
        ("", BLOCK),
        ("  \n", BLOCK),
        ("My notes.", f"My notes.\n\n{BLOCK}"),
        (f"Above.\n\n{BEGIN}\nold\n{END}\n\nBelow.", f"Above.\n\n{BLOCK}\n\nBelow."),
        (BLOCK, BLOCK),
        (f"{END} quoted {BEGIN}", f"{END} quoted {BEGIN}\n\n{BLOCK}"),
        (f"{BEGIN} half", f"{BEGIN} half\n\n{BLOCK}"),
        (f"{BEGIN}1{END} and {BEGIN}2{END}", f"{BLOCK} and {BEGIN}2{END}"),
        (r"\1 and \g<0>", f"\\1 and \\g<0>\n\n{BLOCK}"),
    ],
    ids=["none", "blank", "text", "both", "again", "turned", "half", "two", "backslashes"],
)
def test_the_users_own_text_stays_and_only_our_block_is_replaced(current, merged):
    assert merged_description(current, RECORD) == merged


def test_a_block_that_holds_backslashes_is_written_as_it_is():
    record = example_record(OUTCOME.but(status="FAILED", error=r"ValueError: \1 \g<x>"))
    old = f"{BEGIN}\nold\n{END}"
    assert r"- error: `ValueError: \1 \g<x>`" in merged_description(old, record)


def test_the_summary_says_first_what_a_person_wants_to_know():
    assert summary(RECORD).splitlines() == [
        "**FINISHED** test/accuracy **0.95**",
        "- seed 0, deterministic strict",
        "- code: 4f1f2c9e (clean)",
        "- data cc: train 1,347 rows, test 450 rows, split proved",
        "- optimizer: SGD, lr 0.1",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"is_dirty": True}, "- code: 4f1f2c9e (dirty)"),
        ({"is_dirty": True, "patch": "repro/x.patch"}, "- code: 4f1f2c9e (dirty, patch kept)"),
        ({"commit": None}, "- code: no commit (clean)"),
    ],
)
def test_the_state_of_the_code_is_told(changes, line):
    assert line in summary(example_record(CODE.but(**changes))).splitlines()


def test_what_was_not_recorded_is_told_with_its_reason():
    record = example_record(
        DETERMINISM.but(seed=None, seed_source="none"),
        data=Absent(reason="it was not handed over: run.log_data(...)", kind="not_recorded"),
        code=Absent(reason="OSError: disk", kind="failed"),
        optimizer=Absent(reason="nothing trains", kind="not_applicable"),
    )
    lines = summary(record).splitlines()
    assert "- not recorded: data (it was not handed over: run.log_data(...))" in lines
    assert "- not recorded: code (OSError: disk)" in lines
    assert not any("optimizer" in line for line in lines)


def test_a_record_without_facts_has_a_summary():
    assert summary(RunRecord("0" * 32, "run", {})) == "**unknown**"
