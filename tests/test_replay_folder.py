"""A replay leaves no folder behind, however it ends."""

import tempfile

import pytest

from repro.replay_folder import HELD, PREFIX, clear, folder_of_its_own


def test_a_folder_that_the_script_made_read_only_is_deleted(tmp_path):
    inner = tmp_path / "place" / "inner"
    inner.mkdir(parents=True)
    (inner / "x").write_text("x")
    inner.chmod(0o500)
    clear(tmp_path / "place")
    assert not (tmp_path / "place").exists()


def test_what_a_killed_replay_left_is_cleared_by_the_next_and_one_that_lives_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, other = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}other"
    for folder in (left, other):
        folder.mkdir()
    (left / HELD).touch()  # a lock goes with the process
    with folder_of_its_own() as first, folder_of_its_own() as second:
        assert sorted(tmp_path.iterdir()) == sorted((first, other, second))
    assert list(tmp_path.iterdir()) == [other]


def test_an_interrupted_replay_deletes_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), folder_of_its_own():
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
