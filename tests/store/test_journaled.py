import io
import threading
from pathlib import Path

import pytest

from repro.store.journal import Journal, framed, points_files
from repro.store.journaled import (
    Position,
    batches,
    delete_read,
    events,
    last_time_ms,
    n_unshipped,
    note_shipped,
    shipped,
)
from repro.store.point import Point


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def journal(folder):
    opened = Journal(folder)
    yield opened
    opened.close()


def write(journal, *numbers):
    """A line for each step."""
    for step in numbers:
        journal.log({"loss": step / 2}, step=step, time_ms=1_000 + step)
        journal.flush()


def steps(folder, since=None, until=None):
    return [p.step for points, _ in batches(folder, since or Position(), until) for p in points]


def end_of(folder):
    return [position for _, position in batches(folder, Position())][-1]


def test_a_folder_without_a_journal_holds_nothing(folder):
    assert (events(folder), steps(folder), n_unshipped(folder)) == ([], [], 0)
    assert (shipped(folder), last_time_ms(folder)) == (Position(), None)


def test_batches_are_as_large_as_mlflow_takes_and_end_between_lines(folder, journal):
    for first in range(0, 2_400, 300):
        for step in range(first, first + 300):
            journal.log({"loss": 0.5}, step=step, time_ms=0)
        journal.flush()
    found = list(batches(folder, Position()))
    assert [len(points) for points, _ in found] == [900, 900, 600]
    again = [len(points) for points, _ in batches(folder, found[0][1])]
    assert again == [900, 600]
    assert steps(folder, found[0][1], until=found[1][1]) == list(range(900, 1_800))
    assert steps(folder, found[-1][1]) == []


@pytest.mark.parametrize("name", ["events.jsonl", "points-0001.jsonl"])
def test_a_torn_last_line_costs_that_line_alone_wherever_it_is_torn(folder, journal, name):
    for step in range(3):
        write(journal, step)
        journal.append("note", {"step": step})
    path = folder / name
    content = path.read_bytes()
    last = content.splitlines(keepends=True)[-1]
    for length in range(len(last)):
        path.write_bytes(content[: len(content) - len(last) + length])
        found = (
            steps(folder) if name != "events.jsonl" else [e.data["step"] for e in events(folder)]
        )
        assert found == [0, 1]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(folder, journal):
    write(journal, 0, 1)
    path = points_files(folder)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    position = end_of(folder)
    assert steps(folder) == [0]
    path.write_bytes(whole)
    assert steps(folder, position) == [1]


class Growing(io.BytesIO):
    """A file whose last line is read in two parts, as it is written."""

    def __iter__(self):
        for line in self.getvalue().splitlines(keepends=True):
            yield from (line[:20], line[20:]) if b"2.5" in line else (line,)


def test_half_a_line_that_grows_while_it_is_read_is_not_passed_over(folder, journal, monkeypatch):
    write(journal, 4, 5, 6)
    content = points_files(folder)[0].read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_: Growing(content))
        ((points, position),) = batches(folder, Position())
    assert [point.step for point in points] == [4]
    assert steps(folder, position) == [5, 6]


@pytest.mark.slow
def test_what_is_read_while_threads_write_has_no_hole_and_nothing_twice(folder):
    journal = Journal(folder, rotate_bytes=20_000)
    is_over = threading.Event()

    def fill():
        for step in range(20_000):
            journal.log({"loss": 0.5, "pad" * 20: 1.0}, step=step, time_ms=step)
            if step % 97 == 0:
                journal.flush()
        journal.close()
        is_over.set()

    writer = threading.Thread(target=fill)
    writer.start()
    seen, position, is_last = [], Position(), False
    while not is_last:
        is_last = is_over.is_set()
        for points, end in batches(folder, position):
            seen += [p.step for p in points if p.key == "loss"]
            position = end
        position = delete_read(folder, position)
    writer.join()
    assert seen == list(range(20_000))
    assert len(points_files(folder)) == 1


def test_a_changed_byte_costs_its_line_and_no_other(folder, journal):
    write(journal, *range(5))
    path = points_files(folder)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    at = len(lines[0] + lines[1]) + 15
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert steps(folder) == [0, 1, 3, 4]


def test_lines_that_are_no_entries_are_left_out(folder, journal):
    write(journal, 0)
    journal.append("run", {})
    for path in (folder / "events.jsonl", points_files(folder)[0]):
        with path.open("ab") as file:
            file.write(b"\n\xff\xfe\x00 \n00000000 []\nabc\n 1\n")
    write(journal, 1)
    journal.append("ended", {})
    assert steps(folder) == [0, 1]
    assert [entry.kind for entry in events(folder)] == ["run", "ended"]


def test_entries_of_a_kind_that_is_not_known_are_no_metric_values(folder, journal):
    write(journal, 0)
    journal.append("later", {"x": 1})
    with points_files(folder)[0].open("ab") as file:
        file.write((folder / "events.jsonl").read_bytes())
    assert steps(folder) == [0]


# --- how far MLflow has them ---


def test_what_was_shipped_is_remembered(folder, journal):
    write(journal, *range(5))
    half = end_of(folder)
    note_shipped(folder, half)
    assert shipped(folder) == half
    write(journal, 5)
    assert n_unshipped(folder) == 1


def flip_digits(text):
    """The text with one digit changed, each in turn."""
    for at, sign in enumerate(text):
        if sign.isdecimal():
            yield text[:at] + str((int(sign) + 1) % 10) + text[at + 1 :]


@pytest.mark.parametrize("content", ["", "garbage", '{"points-0001.jsonl":30}', "\x00" * 40])
def test_a_position_that_is_missing_or_garbled_means_from_the_beginning(folder, journal, content):
    write(journal, *range(5))
    (folder / "shipped").write_text(content)
    assert shipped(folder) == Position()
    assert n_unshipped(folder) == 5
    (folder / "shipped").unlink()
    assert n_unshipped(folder) == 5


def test_a_position_with_a_changed_digit_skips_nothing(folder, journal):
    write(journal, *range(5))
    note_shipped(folder, end_of(folder))
    text = (folder / "shipped").read_text()
    changed = list(flip_digits(text))
    for other in changed:
        (folder / "shipped").write_text(other)
        assert shipped(folder) == Position()
    assert len(changed) > 10


@pytest.mark.parametrize("offset", [1, 57, 10_000])
def test_a_position_that_is_no_end_of_a_line_skips_nothing(folder, journal, offset):
    write(journal, *range(5))
    assert steps(folder, Position({"points-0001.jsonl": offset})) == list(range(5))


def test_a_stale_position_sends_again_and_skips_nothing(folder, journal):
    write(journal, *range(3))
    note_shipped(folder, end_of(folder))
    write(journal, 3, 4)
    assert steps(folder, shipped(folder)) == [3, 4]


def test_a_position_that_is_half_written_at_a_kill_is_the_one_before(folder, journal):
    write(journal, *range(3))
    position = end_of(folder)
    note_shipped(folder, position)
    (folder / "shipped.new").write_text("dead")
    assert shipped(folder) == position
    note_shipped(folder, position)
    assert shipped(folder) == position


# --- files that are not needed any more ---


def test_only_files_that_are_full_and_read_are_deleted(folder):
    journal = Journal(folder, rotate_bytes=150)
    write(journal, *range(9))
    files = points_files(folder)
    assert len(files) == 3
    (_, position), *_ = batches(folder, Position())
    first = Position({files[0].name: files[0].stat().st_size})
    assert delete_read(folder, Position({files[0].name: 10})) == Position({files[0].name: 10})
    assert delete_read(folder, first) == Position()
    assert points_files(folder) == files[1:]
    assert list(delete_read(folder, position).offsets) == [files[2].name]
    assert points_files(folder) == files[2:]
    write(journal, 9)
    assert steps(folder, delete_read(folder, position)) == [9]
    journal.close()


def test_a_file_of_another_writer_does_not_make_one_complete(folder, journal):
    write(journal, 0)
    (folder / "points-0002.77.jsonl").write_bytes(points_files(folder)[0].read_bytes())
    delete_read(folder, end_of(folder))
    assert len(points_files(folder)) == 2


def test_a_torn_end_keeps_no_file_for_ever(folder):
    journal = Journal(folder, rotate_bytes=10)
    write(journal, 0)
    with points_files(folder)[0].open("ab") as file:
        file.write(b"half a li")
    write(journal, 1)
    delete_read(folder, end_of(folder))
    assert [path.name for path in points_files(folder)] == ["points-0002.jsonl"]
    journal.close()


def test_a_file_that_goes_while_it_is_counted_was_sent(folder, monkeypatch):
    journal = Journal(folder, rotate_bytes=10)
    write(journal, 0, 1)
    journal.close()
    gone, stays = points_files(folder)
    monkeypatch.setattr("repro.store.journaled.points_files", lambda folder: [gone, stays])
    gone.unlink()
    assert n_unshipped(folder) == 1
    assert steps(folder, Position({gone.name: 20})) == [1]
    assert last_time_ms(folder) == 1_001


def test_the_last_time_is_that_of_any_writer(folder, journal):
    write(journal, *range(4))
    content = points_files(folder)[0].read_bytes()
    (folder / "points-0001.99.jsonl").write_bytes(content.splitlines(keepends=True)[0])
    assert last_time_ms(folder) == 1_003


def test_the_last_time_is_found_in_the_tail_of_a_long_file(folder, journal, monkeypatch):
    monkeypatch.setattr("repro.store.journaled.TAIL_BYTES", 70)
    write(journal, *range(50))
    assert last_time_ms(folder) == 1_049


def test_points_are_what_was_logged(folder, journal):
    write(journal, 3)
    ((points, _),) = batches(folder, Position())
    assert points == [Point("loss", 1.5, 1_003, 3)]


def test_a_line_of_another_kind_is_no_position(folder, journal):
    write(journal, *range(5))
    (folder / "shipped").write_bytes(framed("run", {"points-0001.jsonl": 57}))
    assert shipped(folder) == Position()
