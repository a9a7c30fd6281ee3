from pathlib import Path

import pytest

from repro.digest import digest_bytes
from repro.observe.locks import locks


def paths(folder: Path) -> list[str]:
    return [lock.path for lock in locks(folder)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "service" / "train").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml"),
        *("pylock.toml", "pylock.gpu.toml"),
    ],
)
def test_a_lock_file_of_every_tool_is_found_with_its_digest(root, name):
    (root / name).write_bytes(b"content")
    (lock,) = locks(root)
    assert (lock.path, lock.digest) == (name, digest_bytes(b"content"))


@pytest.mark.parametrize(
    ("text", "is_lock"),
    [
        ("numpy==2.4.6\n", True),
        ("# pinned\nnumpy == 2.4.6 ; python_version > '3'\n", True),
        ("numpy===2.4.6\n", True),
        ("numpy>=2\ntorch\n", False),
        ("# numpy==2.4.6\n", False),
        ("", False),
    ],
)
def test_requirements_count_where_they_fix_a_version(root, text, is_lock):
    (root / "requirements-gpu.txt").write_text(text)
    (root / "constraints.txt").write_text(text)
    assert paths(root) == (["requirements-gpu.txt", "constraints.txt"] if is_lock else [])


def test_locks_are_looked_for_up_to_the_root_of_the_repository(root):
    for folder in (root, root / "service", root.parent):
        (folder / "uv.lock").write_text("")
    try:
        assert paths(root / "service" / "train") == ["uv.lock", "service/uv.lock"]
    finally:
        (root.parent / "uv.lock").unlink()


def test_without_a_repository_only_the_folder_itself_counts(tmp_path):
    (tmp_path / "uv.lock").write_text("")
    (tmp_path / "inner").mkdir()
    assert paths(tmp_path) == ["uv.lock"]
    assert paths(tmp_path / "inner") == []


def test_what_cannot_be_read_is_left_out(root):
    (root / "uv.lock").mkdir()
    (root / "poetry.lock").symlink_to("nowhere")
    assert paths(root) == []
