import json
import os
import signal
import subprocess
import sys
import threading
import zlib

import pytest
from journal_values import in_files, log, steps

from repro.store import journal as journal_file
from repro.store.journal import points_files
from repro.store.journaled import events
from repro.store.point import Point


def forked(do):
    """Run this in a forked child; how it exited."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that hangs must not outlive the test
        try:
            do()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_events_are_read_back_in_order_and_before_the_journal_is_closed(journal):
    journal.append("run", {"id": "a", "text": "two\nlines, é, \ud800"})
    journal.append("ended", {"n": 3})
    assert [(entry.kind, entry.data) for entry in events(journal.folder)] == [
        ("run", {"id": "a", "text": "two\nlines, é, \ud800"}),
        ("ended", {"n": 3}),
    ]


def test_metric_values_are_read_back_after_a_flush(journal):
    journal.log({"loss": 0.1, "lr": 1e-320}, step=3, time_ms=7)
    assert in_files(journal.folder) == []
    journal.flush()
    assert in_files(journal.folder) == [Point("loss", 0.1, 7, 3), Point("lr", 1e-320, 7, 3)]


def test_values_that_are_no_finite_numbers_are_read_back(journal):
    journal.log({"a": float("nan"), "b": float("inf"), "c": -float("inf")}, step=0, time_ms=0)
    journal.flush()
    assert str([point.value for point in in_files(journal.folder)]) == "[nan, inf, -inf]"


def test_the_line_is_the_one_that_is_described(journal):
    journal.append("run", {"a": 1})
    body = b'["run",{"a":1}]'
    content = (journal.folder / "events.jsonl").read_bytes()
    assert content == b"%08x %s\n" % (zlib.crc32(body), body)
    assert json.loads(body) == ["run", {"a": 1}]


def test_more_values_than_mlflow_takes_in_a_call_become_several_lines(journal):
    journal.log({f"m{i:04}": float(i) for i in range(2_500)}, step=0, time_ms=0)
    log(journal, *range(1_700))
    journal.flush()
    lines = points_files(journal.folder)[0].read_bytes().splitlines()
    sizes = [sum(len(s[2]) for s in json.loads(line[9:])[1]["steps"]) for line in lines]
    assert sizes == [1_000, 1_000, 1_000, 1_000, 200]
    assert len(in_files(journal.folder)) == 4_200


def test_a_run_that_logs_no_metric_leaves_no_file_of_metrics(journal):
    journal.append("run", {})
    journal.flush()
    assert points_files(journal.folder) == []


def test_threads_do_not_tear_each_others_lines(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "INLINE_STEPS", 7)

    def write(number):
        for step in range(200):
            journal.append("note", {"thread": number, "step": step, "pad": "x" * 50})
            log(journal, step, name=f"m{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.flush()
    expected = [(number, step) for number in range(4) for step in range(200)]
    found = [(entry.data["thread"], entry.data["step"]) for entry in events(journal.folder)]
    assert sorted(found) == expected
    assert sorted((int(p.key[1:]), p.step) for p in in_files(journal.folder)) == expected


def test_values_that_nobody_flushes_are_written_by_who_logs(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "INLINE_STEPS", 10)
    log(journal, *range(25))
    assert steps(journal.folder) == list(range(20))


def test_logging_inside_a_flush_that_a_signal_interrupted_does_not_hang(journal, monkeypatch):
    monkeypatch.setattr(journal_file, "INLINE_STEPS", 3)
    write, inside = os.write, []

    def interrupted(file, content):
        if not inside:
            inside.append(1)
            log(journal, *range(10, 20))  # as a handler would
            journal.append("signal", {})
        return write(file, content)

    monkeypatch.setattr(os, "write", interrupted)
    log(journal, 0, 1, 2)
    journal.append("run", {})
    monkeypatch.undo()
    journal.flush()
    assert steps(journal.folder) == [0, 1, 2, *range(10, 20)]
    assert {entry.kind for entry in events(journal.folder)} == {"signal", "run"}


def test_an_event_inside_an_event_that_a_signal_interrupted_does_not_hang(journal, monkeypatch):
    write, inside = os.write, []

    def interrupted(file, content):
        if not inside:
            inside.append(1)
            journal.append("signal", {})
        return write(file, content)

    monkeypatch.setattr(os, "write", interrupted)
    journal.append("run", {})
    assert [entry.kind for entry in events(journal.folder)] == ["signal", "run"]


def test_an_interrupt_while_it_writes_loses_no_value(journal, monkeypatch):
    def interrupted(file, content):
        raise KeyboardInterrupt

    log(journal, *range(5))
    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.flush()
    monkeypatch.undo()
    journal.flush()
    assert steps(journal.folder) == list(range(5))


# --- processes ---


@pytest.mark.slow
def test_what_was_flushed_survives_the_death_of_the_process(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from repro.store.journal import Journal;"
        "journal = Journal(Path(sys.argv[1])); journal.append('run', {});"
        "[journal.log({'loss': 0.5}, step=step, time_ms=step) for step in range(5)];"
        "journal.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert steps(tmp_path / "run") == [0, 1, 2, 3, 4]
    assert [entry.kind for entry in events(tmp_path / "run")] == ["run"]


def test_a_forked_child_writes_its_own_values_at_once_and_none_of_its_parent(journal):
    log(journal, 0, 1)
    assert forked(lambda: log(journal, 10, 11)) == 0
    assert steps(journal.folder) == [10, 11]
    journal.flush()
    assert sorted(steps(journal.folder)) == [0, 1, 10, 11]


def test_an_event_of_a_child_brings_none_of_its_parents_values(journal):
    log(journal, 0, 1)

    def child():
        journal.append("note", {})
        journal.flush()
        log(journal, 10)

    assert forked(child) == 0
    journal.flush()
    assert sorted(steps(journal.folder)) == [0, 1, 10]
    assert [entry.kind for entry in events(journal.folder)] == ["note"]


def test_a_child_does_not_hang_on_locks_that_its_parent_held(journal):
    log(journal, 0)
    with journal._writes_points, journal._writes_events:

        def child():
            journal.append("note", {})
            log(journal, 10)
            journal.flush()

        assert forked(child) == 0
    assert steps(journal.folder) == [10]


def test_threads_of_a_child_and_its_own_child_lose_and_double_nothing(journal):
    log(journal, 0)

    def grandchild():
        log(journal, *range(500, 550))

    def child():
        work = [
            threading.Thread(target=log, args=(journal, *range(first, first + 100)))
            for first in (100, 200, 300)
        ]
        for thread in work:
            thread.start()
        assert forked(grandchild) == 0
        for thread in work:
            thread.join()

    assert forked(child) == 0
    journal.flush()
    assert sorted(steps(journal.folder)) == [0, *range(100, 400), *range(500, 550)]


def test_children_that_log_nothing_leave_no_file(journal):
    log(journal, 0)
    journal.flush()
    assert forked(lambda: None) == 0
    assert len(points_files(journal.folder)) == 1


def test_a_child_goes_on_in_the_file_of_an_earlier_one_with_its_number(journal):
    earlier = journal.folder / f"points-0001.{os.getpid()}.jsonl"
    journal.append("run", {})
    earlier.write_bytes(b"a torn li")
    journal._enter_child()
    log(journal, 3)
    assert points_files(journal.folder) == [earlier]
    assert steps(journal.folder) == [3]


def test_a_child_that_lives_on_after_the_end_stays_silent(journal):
    journal.close()
    assert forked(lambda: log(journal, 1)) == 0
    assert steps(journal.folder) == []
