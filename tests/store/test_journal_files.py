"""The files of a journal: the next one, the earlier one, one that is gone, a full disk."""

import errno
import os
import resource
from pathlib import Path

import pytest
from journal_values import log, steps

from repro.store import journal as journal_file
from repro.store.journal import Journal, points_files
from repro.store.journaled import events

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="no /dev/full on this system")


# --- files ---


def test_a_full_file_is_followed_by_another_in_order(tmp_path):
    journal = Journal(tmp_path / "run", rotate_bytes=200)
    for step in range(30):
        log(journal, step)
        journal.flush()
    journal.close()
    names = [path.name for path in points_files(journal.folder)]
    assert names[:2] == ["points-0001.jsonl", "points-0002.jsonl"]
    assert len(names) >= 7
    assert max(path.stat().st_size for path in points_files(journal.folder)) < 300
    assert steps(journal.folder) == list(range(30))


def test_files_beyond_9999_keep_their_order(tmp_path):
    for name in ("points-9999.jsonl", "points-10000.jsonl", "points-0002.7.jsonl"):
        (tmp_path / name).touch()
    names = [path.name for path in points_files(tmp_path)]
    assert names == ["points-9999.jsonl", "points-10000.jsonl", "points-0002.7.jsonl"]


def test_a_journal_that_exists_is_continued_in_its_newest_file(tmp_path):
    for first in (0, 10):
        journal = Journal(tmp_path / "run", rotate_bytes=100)
        journal.append("run", {})
        for step in range(first, first + 5):
            log(journal, step)
            journal.flush()
        journal.close()
    assert steps(tmp_path / "run") == [*range(5), *range(10, 15)]
    assert [entry.kind for entry in events(tmp_path / "run")] == ["run", "run"]


def test_a_journal_that_someone_deletes_goes_on_in_new_files(journal):
    log(journal, 0)
    journal.append("run", {})
    journal.flush()
    for path in journal.folder.iterdir():
        path.unlink()
    journal.folder.rmdir()
    log(journal, 1)
    journal.append("ended", {})
    journal.flush()
    assert steps(journal.folder) == [1]
    assert [entry.kind for entry in events(journal.folder)] == ["ended"]
    assert [path.name for path in points_files(journal.folder)] == ["points-0002.jsonl"]
    assert journal.failure is None


@pytest.mark.parametrize("name", ["events.jsonl", "points-0001.jsonl"])
def test_what_follows_a_line_torn_by_a_kill_is_whole(tmp_path, name):
    for first in (0, 10):
        journal = Journal(tmp_path)
        log(journal, first)
        journal.append("run", {"first": first})
        journal.close()
        if first == 0:
            content = (tmp_path / name).read_bytes()
            (tmp_path / name).write_bytes(content + content[:20])
    assert steps(tmp_path) == [0, 10]
    assert [entry.data["first"] for entry in events(tmp_path)] == [0, 10]


def test_a_second_close_does_nothing_and_later_values_are_told_of(journal):
    journal.close()
    journal.close()
    log(journal, 1)
    journal.flush()
    assert (journal.failure, journal.n_unwritten) == ("it is closed", 1)


# --- a full disk ---


@needs_full_disk
def test_a_full_disk_is_remembered_and_stops_nobody(tmp_path):
    for name in ("events.jsonl", "points-0001.jsonl"):
        (tmp_path / name).symlink_to(FULL_DISK)
    journal = Journal(tmp_path)
    journal.append("run", {})
    log(journal, *range(2_000))
    journal.close()
    assert journal.failure == os.strerror(errno.ENOSPC)
    assert (journal.n_unwritten, journal.n_lost) == (2_000, 0)


@needs_full_disk
def test_what_a_full_disk_refuses_is_kept_up_to_a_bound_and_the_rest_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "KEPT_POINTS", 1_500)
    (tmp_path / "points-0001.jsonl").symlink_to(FULL_DISK)
    journal = Journal(tmp_path)
    log(journal, *range(4_000))
    journal.flush()
    assert (journal.n_unwritten, journal.n_lost) == (1_500, 2_500)
    taken = journal.take_unwritten()
    assert [point.step for point in taken] == list(range(1_000))
    journal.give_back(taken)
    assert [point.step for point in journal.take_unwritten()] == list(range(1_000))
    journal.close()


def test_a_folder_that_cannot_be_made_is_told_of_and_stops_nobody(tmp_path):
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "run")
    journal.append("run", {})
    log(journal, 0)
    journal.close()
    assert journal.failure == os.strerror(errno.ENOTDIR)
    assert journal.n_unwritten == 1


def test_a_disk_that_has_room_again_gets_what_it_refused(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = Journal(tmp_path)
    log(journal, 0)
    journal.append("run", {})
    journal.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (90, hard))
    try:
        log(journal, *range(1, 1_501))
        journal.flush()
        journal.append("note", {"pad": "x" * 100})
        assert (journal.n_unwritten, journal.n_lost) == (1_500, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append("ended", {})
    log(journal, 2_000)
    journal.flush()
    assert journal.n_unwritten == 0
    assert sorted(steps(tmp_path)) == [*range(1_501), 2_000]
    assert [entry.kind for entry in events(tmp_path)] == ["run", "ended"]
    assert journal.failure is not None
    journal.close()
