import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

import repro
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores
from repro.store.journal import Entry, Journal, read

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="no /dev/full on this system")


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "deep" / "folder" / "run.jsonl")
    yield opened
    opened.close()


def entries(journal):
    return list(read(journal.path))


def test_entries_are_read_back_in_order(journal):
    journal.append("run", {"id": "a", "text": "two\nlines, é"})
    journal.append("metrics", {"values": {"loss": 0.1}, "step": 3})
    assert entries(journal) == [
        Entry("run", {"id": "a", "text": "two\nlines, é"}),
        Entry("metrics", {"values": {"loss": 0.1}, "step": 3}),
    ]


def test_values_that_are_no_finite_numbers_are_read_back(journal):
    journal.append("metrics", {"values": [math.nan, math.inf, -math.inf]})
    (entry,) = entries(journal)
    assert str(entry.data["values"]) == "[nan, inf, -inf]"


def test_an_entry_is_in_the_file_before_the_journal_is_closed(journal):
    journal.append("run", {})
    assert entries(journal) == [Entry("run", {})]


@pytest.mark.slow
def test_what_was_appended_survives_the_death_of_the_process(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from repro.store.journal import Journal;"
        "journal = Journal(Path(sys.argv[1]));"
        "[journal.append('metrics', {'step': step}) for step in range(5)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "run.jsonl"
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [entry.data["step"] for entry in read(path)] == [0, 1, 2, 3, 4]


def test_a_torn_last_line_costs_that_line_alone(journal):
    for step in range(3):
        journal.append("metrics", {"step": step})
    content = journal.path.read_bytes()
    last = content.splitlines(keepends=True)[-1]
    for length in range(len(last)):
        journal.path.write_bytes(content[: len(content) - len(last) + length])
        assert [entry.data["step"] for entry in entries(journal)] == [0, 1]


def test_a_line_that_was_changed_is_left_out(journal):
    for step in range(3):
        journal.append("metrics", {"step": step})
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"step":1', b'"step":7'))
    assert [entry.data["step"] for entry in entries(journal)] == [0, 2]


def test_the_checksum_is_the_one_that_is_described(journal):
    journal.append("run", {"a": 1})
    body = b'["run",{"a":1}]'
    assert journal.path.read_bytes() == b"%08x %s\n" % (zlib.crc32(body), body)
    assert json.loads(body) == ["run", {"a": 1}]


def test_threads_do_not_tear_each_others_lines(journal):
    def write(number):
        for step in range(200):
            journal.append("metrics", {"thread": number, "step": step, "pad": "x" * 50})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [(entry.data["thread"], entry.data["step"]) for entry in entries(journal)]
    assert sorted(found) == [(number, step) for number in range(4) for step in range(200)]


def test_a_journal_that_exists_is_continued(journal):
    journal.append("run", {})
    again = Journal(journal.path)
    again.append("ended", {})
    again.close()
    assert [entry.kind for entry in entries(journal)] == ["run", "ended"]


def test_a_second_close_does_nothing(journal):
    journal.close()
    journal.close()


@needs_full_disk
def test_a_full_disk_is_remembered_and_stops_nobody():
    journal = Journal(FULL_DISK)
    for _ in range(2_000):
        journal.append("metrics", {"pad": "x" * 100})
    journal.close()
    assert journal.failure == os.strerror(errno.ENOSPC)


@pytest.mark.slow
@needs_full_disk
def test_a_full_disk_costs_the_journal_and_neither_the_training_nor_the_run(project, monkeypatch):
    monkeypatch.setattr("repro.tracked.Journal", lambda path: Journal(FULL_DISK))
    with repro.tracked_run(quiet=True) as run:
        run.log_metrics({"loss": 0.5})
    assert run.notes == [f"/dev/full is incomplete: {os.strerror(errno.ENOSPC)}"]
    record = project.record(run.run_id)
    assert record.find(Scores).value("loss") == 0.5
    assert record.find(Outcome).notes == tuple(run.notes)


def test_after_a_torn_line_what_follows_is_whole(journal):
    journal.append("run", {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 20, hard))
    try:
        journal.append("metrics", {"pad": "x" * 100})
        journal.append("metrics", {"pad": "y" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append("ended", {})
    assert [entry.kind for entry in entries(journal)] == ["run", "ended"]
    assert journal.failure is not None
