"""The stored commit and patch bring back the bytes that ran, whatever state the tree was in."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from project import git
from repository import git_folder, restored, work_tree

from repro.observe.code import CodeState, at_start

pytestmark = pytest.mark.slow  # a dozen git processes each

HOSTILE = {
    "apply.whitespace": "error",
    "color.ui": "always",
    "core.quotepath": "true",
    "core.splitIndex": "true",
    "diff.context": "0",
    "diff.external": "/bin/false",
    "diff.mnemonicPrefix": "true",
    "diff.noprefix": "true",
    "diff.submodule": "log",
    "diff.renames": "copies",
    "status.renames": "copies",
    "status.showUntrackedFiles": "no",
}


def edited(root: Path) -> None:
    (root / "train.py").write_text("lr = 0.2\nepochs = 5\n")


def staged(root: Path) -> None:
    edited(root)
    git(root, "add", "train.py")


def staged_and_edited_again(root: Path) -> None:
    staged(root)
    (root / "train.py").write_text("lr = 0.3\nepochs = 5\n")


def staged_then_undone(root: Path) -> None:
    before = (root / "train.py").read_text()
    staged(root)
    (root / "train.py").write_text(before)


def untracked(root: Path) -> None:
    (root / "new folder" / "deep").mkdir(parents=True)
    (root / "new folder" / "deep" / "model.py").write_text("depth = 3\n")
    (root / "empty.py").write_bytes(b"")


def deleted(root: Path) -> None:
    (root / "train.py").unlink()


def deleted_in_the_index_only(root: Path) -> None:
    git(root, "rm", "-q", "--cached", "train.py")


def renamed(root: Path) -> None:
    git(root, "mv", "pkg/model.py", "pkg/network.py")


def renamed_and_edited(root: Path) -> None:
    renamed(root)
    (root / "pkg" / "network.py").write_text("width = 32\n" * 19 + "width = 64\n")


def renamed_in_the_work_tree_only(root: Path) -> None:
    (root / "pkg" / "model.py").rename(root / "pkg" / "network.py")
    git(root, "add", "-N", "pkg/network.py")


def binary(root: Path) -> None:
    (root / "weights.bin").write_bytes(bytes(reversed(range(256))))
    (root / "more.bin").write_bytes(b"\0\xff" * 300)


def no_final_newline(root: Path) -> None:
    (root / "train.py").write_text("lr = 0.2")
    (root / "notes.txt").write_text("a newline now\n")


def executable(root: Path) -> None:
    (root / "run.sh").chmod(0o755)


def other_link(root: Path) -> None:
    (root / "latest").unlink()
    (root / "latest").symlink_to("pkg/model.py")
    (root / "run.sh").unlink()
    (root / "run.sh").symlink_to("nowhere")


def strange_names(root: Path) -> None:
    for name in (b"with space.py", b"caf\xe9.py", b'quo"te\ttab.py', b"two\nlines.py", b"-n.py"):
        (root / os.fsdecode(name)).write_text("x = 1\n")
    (root / "größe.py").write_text("x = 1\n")


def carriage_returns_and_latin_1(root: Path) -> None:
    (root / "train.py").write_bytes(b"lr = 0.2  \r\nname = 'caf\xe9'\r\n")


def a_file_became_a_folder(root: Path) -> None:
    (root / "train.py").unlink()
    (root / "train.py").mkdir()
    (root / "train.py" / "main.py").write_text("x = 1\n")


def a_folder_became_a_file(root: Path) -> None:
    (root / "pkg" / "model.py").unlink()
    (root / "pkg").rmdir()
    (root / "pkg").write_text("x = 1\n")


def intended_to_be_added(root: Path) -> None:
    untracked(root)
    git(root, "add", "-N", "empty.py")


def in_conflict(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "other")
    edited(root)
    git(root, "commit", "-q", "-am", "theirs")
    git(root, "checkout", "-q", "main")
    (root / "train.py").write_text("lr = 0.7\nepochs = 5\n")
    git(root, "commit", "-q", "-am", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "merge", "-q", "other")


def nothing_committed(root: Path) -> None:
    git(root, "update-ref", "-d", "HEAD")
    (root / "train.py").write_text("lr = 0.2\n")


def nothing_committed_or_staged(root: Path) -> None:
    git(root, "update-ref", "-d", "HEAD")
    (root / ".git" / "index").unlink()


def hostile_configuration(root: Path) -> None:
    for key, value in HOSTILE.items():
        git(root, "config", key, value)
    (root / "train.py").write_text("lr = 0.2   \nepochs = 5\n")
    strange_names(root)
    renamed(root)


def detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")
    edited(root)


def ignored(root: Path) -> None:
    (root / "ignored").mkdir()
    (root / "ignored" / "cache.bin").write_bytes(b"1")
    edited(root)


DIRTY: tuple[Callable[[Path], None], ...] = (
    edited,
    staged,
    staged_and_edited_again,
    staged_then_undone,
    untracked,
    deleted,
    deleted_in_the_index_only,
    renamed,
    renamed_and_edited,
    renamed_in_the_work_tree_only,
    binary,
    no_final_newline,
    executable,
    other_link,
    strange_names,
    carriage_returns_and_latin_1,
    a_file_became_a_folder,
    a_folder_became_a_file,
    intended_to_be_added,
    in_conflict,
    nothing_committed,
    nothing_committed_or_staged,
    hostile_configuration,
    detached,
    ignored,
)


def state_of(folder: Path) -> CodeState:
    state = at_start(folder)
    assert isinstance(state, CodeState), state
    return state


@pytest.mark.parametrize("change", DIRTY, ids=lambda change: change.__name__)
def test_the_patch_brings_the_tree_back_and_looking_leaves_git_alone(
    repository: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    change(repository)
    before = git_folder(repository)
    state = state_of(repository)
    assert git_folder(repository) == before
    assert state.fact.is_dirty
    assert state.fact.restore_verified
    assert state.fact.patch is not None
    expected = work_tree(repository)
    assert restored(repository, state.fact.commit, state.evidence[state.fact.patch], tmp_path / "clone") == expected
