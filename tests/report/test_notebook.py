"""A run as a page of a laboratory notebook."""

import re

import pytest
from fake_history import tracked

from repro.facts import fact_types
from repro.facts.code import EXAMPLE as CODE
from repro.facts.contents import Contents, FileContent, SeriesContent
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.integrity import Alteration, Integrity
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import Param, Params
from repro.facts.segments import EXAMPLE as SEGMENTS
from repro.facts.segments import Segments
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition
from repro.record import RunRecord
from repro.report.notebook import notebook_page


def page(*facts: Fact, **absent: Absent) -> str:
    return str(notebook_page(tracked(1, 0, 0.9, *facts, **absent)))


def test_a_page_begins_with_name_status_duration_and_the_day() -> None:
    lines = page(OUTCOME, Segments()).splitlines()
    assert lines[0] == "run 1  FINISHED  in 3.0 s"
    assert lines[1].startswith("2026-11-01 10:00:00 UTC, run 00000001")
    assert lines[2].startswith("seal ")


def test_a_resumed_run_names_its_last_segment_and_says_what_is_not_known() -> None:
    killed = OUTCOME.but(status="KILLED", reason="SIGTERM")
    unknown = SEGMENTS.but(changed=("code",), unknown=("packages of segment 1",))
    text = page(killed, unknown)
    assert text.splitlines()[0] == "run 1  segment 2, KILLED  in 3.0 s"
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "changed code" in rows
    assert "not known packages of segment 1" in rows
    rows = [" ".join(line.split()) for line in page(OUTCOME, SEGMENTS).splitlines()]
    assert "changed nothing between the segments" in rows


@pytest.mark.parametrize(
    ("n_splits", "fold", "told"),
    [(1, 0, "): proved"), (4, 2, "), fold 2 of 4: proved"), (4, None, "), all 4 folds: proved")],
)
def test_the_split_says_which_of_its_folds_the_run_is_about(n_splits, fold, told) -> None:
    assert told in page(SPLIT.but(n_splits=n_splits, fold=fold))


def test_results_come_first_with_the_definition_of_each_score() -> None:
    text = page()
    assert text.index("\nResult\n") < text.index("\nData\n") < text.index("\nConditions\n")
    assert "  test/accuracy  0.9  accuracy_score of 450 test rows, higher is better" in text


def test_the_error_of_a_failed_run_stands_on_top() -> None:
    failed = OUTCOME.but(status="FAILED", error="ValueError: no rows", notes=("a note",))
    text = page(failed)
    assert text.splitlines()[3] == "error: ValueError: no rows"
    assert "\nNotes\n  a note" in text


def test_what_killed_a_run_stands_on_top_and_where_it_was_stands_below() -> None:
    calls = "".join(f'  File "train.py", line {n}\n' for n in range(20))
    killed = OUTCOME.but(
        status="KILLED",
        reason="SIGTERM",
        error="SystemExit: 143",
        traceback=f"Traceback (most recent call last):\n{calls}SystemExit: 143\n",
    )
    text = page(killed)
    assert text.splitlines()[3:5] == ["reason: SIGTERM", "error: SystemExit: 143"]
    block = text[text.index("\nTraceback\n") :].splitlines()
    assert block[2:4] == ["  7 lines above, see --all", '    File "train.py", line 6']
    assert block[17] == "  SystemExit: 143"
    assert "above" not in page(killed.but(traceback="ValueError: no rows\n"))


def test_a_run_that_was_closed_later_says_so() -> None:
    left = OUTCOME.but(status="KILLED", reason="the process is gone", is_recovered=True)
    assert page(left).splitlines()[3] == (
        "reason: the process is gone, closed later by `repro recover`"
    )


def test_a_run_without_a_record_has_no_seal_and_says_once_why() -> None:
    absent = Absent(reason="not tracked", kind="not_recorded")
    known = dict.fromkeys(fact_types(), absent) | {"outcome": OUTCOME.but(status="RUNNING")}
    record = RunRecord("0" * 32, "left", known)
    text = str(notebook_page(record, unsealed="its process is gone"))
    assert text.splitlines()[2:] == [
        "not sealed: its process is gone",
        "",
        "repro show 00000000 --all    every recorded value",
    ]


def test_the_seal_is_told_in_two_lines() -> None:
    series = SeriesContent(name="loss", n_points=1_028, digest=None)
    kept = Contents(series=(series,), files=(FileContent(path="repro/x", digest="blake3:00"),))
    text = page(kept, Integrity(unsealed=("metric loss: the last value alone was compared",)))
    assert text[text.index("\nSeal\n") :].splitlines()[2:4] == [
        "  sealed   1,028 values of 1 series, 1 file",
        "  altered  nothing that is compared here; `repro verify` reads every value",
    ]
    assert "is_read_back" not in text


def test_what_was_altered_is_on_the_page() -> None:
    altered = tuple(Alteration(what=f"param p{n}", was="1", now="2") for n in range(7))
    text = page(Integrity(altered=altered))
    assert re.search(r"\n  ALTERED +param p4: was 1, is 2\n", text)
    assert "p5" not in text
    assert "and 2 more alterations" in text
    assert "altered or not  cannot be told of tag x: silent" in page(
        Integrity(undecided=("tag x: silent",))
    )


def test_a_leak_is_spelled_out() -> None:
    leaking = SPLIT.but(
        verdict="violated", proof=(Condition(id="G1", outcome="VIOLATED", detail="3 groups"),)
    )
    text = page(leaking)
    assert ": LEAKS" in text
    assert "G1 is violated: 3 groups" in text


def test_what_cannot_be_brought_back_is_said() -> None:
    assert "  restorable  yes, proved when it ran" in page()
    assert "  restorable  no" in page(CODE.but(restore_verified=False, is_dirty=True))


def test_what_is_missing_says_why() -> None:
    text = page(
        optimizer=Absent(reason="nothing is trained", kind="not_applicable"),
        batching=Absent(reason="nobody looked", kind="not_recorded"),
    )
    assert "  no optimizer: nothing is trained" in text
    assert "  batching unknown: nobody looked" in text


def test_a_fact_of_a_newer_version_is_unknown() -> None:
    record = tracked(1, 0, 0.9)
    newer = RunRecord(
        record.run_id, record.name, {**record.facts, "budget": Opaque(version=99, data={})}
    )
    assert "  budget unknown: a newer version of repro wrote it" in str(notebook_page(newer))


def test_long_lists_are_cut_and_counted() -> None:
    params = Params(declared=tuple(Param(name=f"p{i}", value=i) for i in range(40)))
    text = page(params)
    assert "  p14" in text
    assert "  p15" not in text
    assert "  and 25 more parameters" in text


@pytest.mark.parametrize("key", sorted(fact_types()))
def test_every_fact_has_its_place_on_the_page(key: str) -> None:
    if key == "outcome":
        assert "FINISHED" in page()
        return
    failed = Absent(reason="nobody looked", kind="failed")
    assert f"  {key} unknown: nobody looked" in page(**{key: failed})


def test_a_check_that_nobody_made_is_left_out() -> None:
    absent = Absent(reason="nobody looked", kind="not_recorded")
    made = ("capacity", "fit_scope", "tuning", "entropy", "checkpoints", "ranks")
    text = page(**dict.fromkeys(made, absent))
    assert "Checks" not in text
    assert "nobody looked" not in text


def test_techniques_are_told_from_the_data_to_the_end_of_the_training() -> None:
    text = page()
    words = [
        *("train transforms", "CNN", "initialized", "dropout", "loss", "optimizer"),
        *("schedule", "precision", "planned"),
    ]
    places = [text.index(f"\n  {word}") for word in words]
    assert places == sorted(places)
