"""Reports of records and rules."""

import re

import pytest
from fake_history import tracked

from repro.audit.catalogue import every_rule, find_rule
from repro.audit.rule import Rule
from repro.facts.fact import Absent, Opaque
from repro.record import RunRecord
from repro.report.record_text import record_text
from repro.report.rule_text import rule_text
from repro.report.rules_table import rules_table
from repro.report.shown import columns, shown, shown_all


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("blake3:" + "0123456789abcdef" * 4, "01234567"),
        ("split/1:" + "ab" * 16, "abababab"),
        ("4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d", "4f1f2c9e"),
        ("", "''"),
        ("two\nlines", "two lines"),
        (0.1, "0.1"),
        (None, "none"),
        (True, "true"),
        ("a" * 60, "aaaaaaaaaaaaaaaaaaaaa ... aaaaaaaaaaaaaaaaaaaaa"),
    ],
)
def test_values_are_short_and_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_more_values_than_fit_are_counted() -> None:
    assert shown_all((1, 2, 3)) == "1, 2, 3"
    assert shown_all((1, 2, 3, 4, 5)) == "1, 2, 3 and 2 more"
    assert shown_all(()) == "-"


def test_columns_line_up_without_trailing_spaces() -> None:
    lines = [str(line) for line in columns([["a", "bbb", ""], ["aaaa", "b"]], indent=1)]
    assert lines == [" a     bbb", " aaaa  b"]


def test_a_record_is_shown_fact_by_fact() -> None:
    record = tracked(
        1,
        0,
        0.9,
        optimizer=Absent(reason="nothing is trained", kind="not_applicable"),
        batching=Absent(reason="nobody looked", kind="not_recorded"),
    )
    record = RunRecord(
        record.run_id, record.name, {**record.facts, "budget": Opaque(version=9, data={})}
    )
    text = str(record_text(record))
    assert text.startswith("run 1  00000001000000000000000000000000  seed 0 fold 0\nseal ")
    assert "\noptimizer  not applicable: nothing is trained\n" in text
    assert "\nbatching  not recorded: nobody looked\n" in text
    assert "\nbudget  written by a newer version (9)" in text
    assert "  4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d\n" in text
    assert "\n  modules.train.py " in text


def test_a_record_without_a_protocol_has_no_group() -> None:
    absent = Absent(reason="nobody looked", kind="not_recorded")
    assert "comparability group unknown" in str(record_text(tracked(1, 0, 0.9, split=absent)))


def test_the_table_of_rules_has_a_row_for_each() -> None:
    lines = rules_table(every_rule()).splitlines()
    assert lines[:3] == [
        "| rule | code | severity | asked | it fires when |",
        "| --- | --- | --- | --- | --- |",
        "| `not-finished` | CMP001 | error | always | "
        "A run that failed, was killed or is still running is used as a result. |",
    ]
    assert len(lines) == 2 + len(every_rule())


def test_a_rule_is_explained_from_its_file() -> None:
    text = str(rule_text(find_rule("PRT011")))
    assert text.startswith(
        "effective-batch (PRT011), error\n\n"
        "The arms took optimizer steps over different numbers of samples.\n\n"
        "Why: the batch size sets the noise of the gradient"
    )
    assert [line.partition(":")[0] for line in text.splitlines()[4:11:2]] == [
        "Why",
        "Fix",
        "Wrong when",
        "Source",
    ]
    assert text.endswith(
        "\n\nIt fires:\n  candidate trained on batches of 256, baseline on 128\n"
        "  batching.effective  128 | 256\n\nIt passes:\n  batching.effective  128 | 128"
    )


@pytest.mark.parametrize("found", every_rule(), ids=lambda found: found.name)
def test_every_rule_shows_an_example_that_fires_and_one_that_passes(found: Rule) -> None:
    head, fires, passes = re.split(r"\n\nIt (?:fires|passes):\n", str(rule_text(found)))
    assert "Wrong when: " in head
    assert fires.strip()
    assert "  " not in fires.splitlines()[0].strip()
    assert passes != fires
