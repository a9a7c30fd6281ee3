import os
from pathlib import Path

import pytest

from repro.errors import UnsupportedData
from repro.observe.data import at_end, look
from repro.observe.files import manifest


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "train"
    (made / "cat").mkdir(parents=True)
    (made / "cat" / "1.png").write_bytes(b"one")
    (made / "cat" / "2.png").write_bytes(b"two")
    (made / "empty.txt").write_bytes(b"")
    return made


def looked(**roles):
    looks = {role: look(role, path, group=None, time=None) for role, path in roles.items()}
    return at_end(looks, group=None, time=None)


def test_a_folder_has_one_row_for_each_file(folder):
    role = looked(train=folder).roles[0]
    assert (role.kind, role.n_rows, role.n_columns) == ("folder", 3, 3)
    assert [column.name for column in role.columns] == ["content", "path", "bytes"]


def test_content_and_name_count_and_the_place_of_the_folder_does_not(folder, tmp_path):
    before = looked(train=folder).roles[0]
    moved = folder.rename(tmp_path / "elsewhere")
    assert looked(train=moved).roles[0].rows_digest == before.rows_digest
    (moved / "cat" / "1.png").rename(moved / "cat" / "3.png")
    renamed = looked(train=moved).roles[0]
    (moved / "cat" / "3.png").write_bytes(b"One")
    changed = looked(train=moved).roles[0]
    assert len({role.rows_digest for role in (before, renamed, changed)}) == 3


def test_the_same_file_under_another_name_is_an_overlap(folder, tmp_path):
    test = tmp_path / "test"
    test.mkdir()
    (test / "new.png").write_bytes(b"two")
    (test / "other.png").write_bytes(b"three")
    (overlap,) = looked(train=folder, test=test).overlaps
    assert (overlap.n_shared, overlap.n_shared_features) == (1, 1)


def test_a_single_file_is_one_row(folder):
    role = looked(train=folder / "cat" / "1.png").roles[0]
    assert (role.kind, role.n_rows) == ("file", 1)


def test_links_are_followed_and_a_folder_in_itself_is_entered_once(folder, tmp_path):
    plain = manifest(folder)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "cat").symlink_to(folder / "cat")
    (linked / "empty.txt").symlink_to(folder / "empty.txt")
    assert manifest(linked).schema == plain.schema
    assert looked(train=linked).roles[0].digest == looked(train=folder).roles[0].digest
    for name in ("again", "and again"):  # two links: 2**40 ways around
        (folder / "cat" / name).symlink_to(folder)
    assert manifest(folder).n_rows == 3


def test_names_that_are_no_utf_8_are_names(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    (tmp_path / os.fsdecode(b"caf\xe8")).write_bytes(b"x")
    assert manifest(tmp_path).n_rows == 2


def test_a_folder_without_files_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == (
        f"{tmp_path}/empty has no files. Pass a file, or a folder that holds data."
    )


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    assert refused(tmp_path / "gone") == (
        f"{tmp_path}/gone does not exist. Pass a file, or a folder that holds data."
    )


def test_a_link_to_nothing_is_refused(folder):
    (folder / "lost").symlink_to(folder / "nowhere")
    assert refused(folder) == f"{folder}/lost cannot be read: No such file or directory."


def test_a_pipe_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    assert refused(folder) == f"{folder}/pipe is no regular file. Move it out of the data."


def test_a_file_that_may_not_be_read_is_refused(folder, monkeypatch):
    def forbidden(self, *_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbidden)  # the tests may run as root
    assert refused(folder) == f"{folder}/cat/1.png cannot be read: Permission denied."


def test_a_folder_that_may_not_be_read_is_refused(folder, monkeypatch):
    def walk(top, *, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", f"{top}/cat"))
        yield from ()

    monkeypatch.setattr(os, "walk", walk)
    assert refused(folder) == f"{folder}/cat cannot be read: Permission denied."


def refused(path):
    with pytest.raises(UnsupportedData) as caught:
        manifest(path)
    return str(caught.value)
