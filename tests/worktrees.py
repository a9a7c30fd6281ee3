"""States that a work tree can be in when a training starts, each made by real git commands."""

import os
import subprocess
from pathlib import Path

from project import git

HOSTILE = {
    "apply.whitespace": "error",
    "color.ui": "always",
    "core.quotepath": "true",
    "core.safecrlf": "true",
    "core.splitIndex": "true",
    "diff.context": "0",
    "diff.external": "/bin/false",
    "diff.ignoreSubmodules": "all",
    "diff.mnemonicPrefix": "true",
    "diff.noprefix": "true",
    "diff.submodule": "log",
    "diff.renames": "copies",
    "status.renames": "copies",
    "status.showUntrackedFiles": "no",
}
TOKEN = "ghp_" + "a1B2" * 9


def first_commit(root: Path) -> Path:
    """A script, a package, a binary file, a link, a text without final newline."""
    (root / "pkg").mkdir(parents=True)
    (root / "train.py").write_text("lr = 0.1\nepochs = 5\n")
    (root / "pkg" / "model.py").write_text("width = 32\n" * 20)
    (root / "weights.bin").write_bytes(bytes(range(256)))
    (root / "notes.txt").write_text("no newline at the end")
    (root / "run.sh").write_text("python train.py\n")
    (root / "latest").symlink_to("train.py")
    (root / ".gitignore").write_text("ignored/\n")
    git(root, "init", "-q", "-b", "main")
    commit_all(root, "first")
    return root


def commit_all(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def clean(root: Path) -> None:
    """Nothing to be done."""


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


def untracked_module(root: Path) -> None:
    (root / "new folder" / "deep").mkdir(parents=True)
    (root / "new folder" / "deep" / "model.py").write_text("depth = 3\n")
    (root / "empty.py").write_bytes(b"")


def new_file_added(root: Path) -> None:
    untracked_module(root)
    git(root, "add", "-A")


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


def exec_bit(root: Path) -> None:
    (root / "run.sh").chmod(0o755)


def symlink(root: Path) -> None:
    (root / "latest").unlink()
    (root / "latest").symlink_to("pkg/model.py")
    (root / "run.sh").unlink()
    (root / "run.sh").symlink_to("nowhere")


def strange_names(root: Path) -> None:
    for name in (b"with space.py", b"caf\xe9.py", b'quo"te\ttab.py', b"two\nlines.py", b"-n.py"):
        (root / os.fsdecode(name)).write_text("x = 1\n")
    (root / "größe.py").write_text("x = 1\n")
    (root / os.fsdecode(b"\xe9t\xe9")).mkdir()
    (root / os.fsdecode(b"\xe9t\xe9") / ":(top)*").write_text("x = 1\n")


def crlf_and_latin_1(root: Path) -> None:
    (root / "train.py").write_bytes(b"lr = 0.2  \r\nname = 'caf\xe9'\r\n")


def crlf_by_attribute(root: Path) -> None:
    (root / ".gitattributes").write_text("*.py text eol=crlf\n")
    (root / "train.py").write_bytes(b"lr = 0.2\r\nepochs = 5\r\n")
    (root / "pkg" / "model.py").write_bytes(b"width = 64\r\n")


def crlf_by_configuration(root: Path) -> None:
    git(root, "config", "core.autocrlf", "true")
    git(root, "rm", "-q", "--cached", "-r", ".")
    git(root, "reset", "-q", "--hard")
    (root / "train.py").write_bytes(b"lr = 0.2\r\nepochs = 5\r\n")


def mixed_line_ends(root: Path) -> None:
    git(root, "config", "core.safecrlf", "true")
    (root / ".gitattributes").write_text("*.py text\n")
    (root / "train.py").write_bytes(b"lr = 0.2\r\nepochs = 5\n")


def mixed_line_ends_in_a_clean_file(root: Path) -> None:
    (root / ".gitattributes").write_text("*.py text\n")
    (root / "train.py").write_bytes(b"lr = 0.2\r\nepochs = 5\n")
    commit_all(root, "second")


def other_line_ends_than_asked_for_in_a_clean_file(root: Path) -> None:
    (root / ".gitattributes").write_text("*.py text eol=crlf\n")
    commit_all(root, "second")


def utf_16_by_attribute(root: Path) -> None:
    (root / ".gitattributes").write_text("*.txt working-tree-encoding=UTF-16LE\n")
    (root / "notes.txt").write_bytes("größe\n".encode("utf-16-le"))


def through_a_filter(root: Path) -> None:
    (root / ".gitattributes").write_text("*.txt filter=rot\n")
    git(root, "config", "filter.rot.clean", "tr a-z b-za")
    git(root, "config", "filter.rot.smudge", "tr b-za a-z")
    (root / "notes.txt").write_text("hello\n")


def a_file_became_a_folder(root: Path) -> None:
    (root / "train.py").unlink()
    (root / "train.py").mkdir()
    (root / "train.py" / "main.py").write_text("x = 1\n")


def a_folder_became_a_file(root: Path) -> None:
    (root / "pkg" / "model.py").unlink()
    (root / "pkg").rmdir()
    (root / "pkg").write_text("x = 1\n")


def intended_to_be_added(root: Path) -> None:
    untracked_module(root)
    git(root, "add", "-N", "empty.py")


def in_conflict(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "other")
    edited(root)
    git(root, "commit", "-q", "-am", "theirs")
    git(root, "checkout", "-q", "main")
    (root / "train.py").write_text("lr = 0.7\nepochs = 5\n")
    git(root, "commit", "-q", "-am", "ours")
    merged = subprocess.run(["git", "merge", "-q", "other"], cwd=root, capture_output=True)
    assert merged.returncode


def empty_repository(root: Path) -> Path:
    git(root.parent, "init", "-q", "empty")
    return root.parent / "empty"


def nothing_committed(root: Path) -> None:
    git(root, "update-ref", "-d", "HEAD")
    edited(root)


def nothing_committed_or_staged(root: Path) -> None:
    git(root, "update-ref", "-d", "HEAD")
    (root / ".git" / "index").unlink()


def hostile_configuration(root: Path) -> None:
    for key, value in HOSTILE.items():
        git(root, "config", key, value)
    (root / "train.py").write_text("lr = 0.2   \nepochs = 5\r\n")
    strange_names(root)
    renamed(root)


def detached_head(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")
    edited(root)


def ignored(root: Path) -> None:
    (root / "ignored").mkdir()
    (root / "ignored" / "cache.bin").write_bytes(b"1")
    edited(root)


def assumed_unchanged(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "train.py")
    git(root, "update-index", "--skip-worktree", "run.sh")
    edited(root)
    (root / "run.sh").write_text("python train.py --fast\n")


def assumed_unchanged_and_deleted(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "train.py")
    (root / "train.py").unlink()


def sparse_checkout(root: Path) -> None:
    git(root, "sparse-checkout", "set", "--no-cone", "/train.py", "/run.sh")
    edited(root)


def too_large(root: Path) -> None:
    (root / "data.bin").write_bytes(b"0" * (10 * 2**20 + 1))
    edited(root)


def secret_in_the_patch(root: Path) -> None:
    (root / "train.py").write_text(f'token = "{TOKEN}"\n')


def secret_in_the_history(root: Path) -> None:
    (root / "train.py").write_text(f'token = "{TOKEN}"\n')
    commit_all(root, "second")
    edited(root)
    commit_all(root, "third")
