"""What a git repository holds, byte for byte, and what a stranger gets of it."""

import os
import stat
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from worktrees import first_commit

from repro.audit.example import example_record
from repro.errors import CannotRestore
from repro.observe.code import CodeState, at_start
from repro.restore import Restored, restore

Files = dict[str, tuple[str, bytes]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit; the machine's own git configuration does not count."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    return first_commit(tmp_path / "repository")


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file look imported, for one test."""

    def pretend(path: Path) -> None:
        module = types.ModuleType(f"{path.stem}_of_the_test")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return pretend


def work_tree(root: Path) -> Files:
    """Kind and content of every file that git does not ignore, in repositories inside it, too."""
    listed = git_bytes(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = {root / os.fsdecode(name) for name in listed.split(b"\0") if name}
    files = {path.relative_to(root).as_posix(): _entry(path) for path in paths if _exists(path)}
    for path in sorted(path for path in paths if (path / ".git").exists()):
        name = path.relative_to(root).as_posix()
        files |= {f"{name}/{inner}": entry for inner, entry in work_tree(path).items()}
    return files


def git_folder(root: Path) -> Files:
    """Every file below `.git`, wherever it is."""
    folder = Path(os.fsdecode(git_bytes(root, "rev-parse", "--git-common-dir")).rstrip("\n"))
    folder = (root / folder).resolve()
    found = {
        path.relative_to(folder).as_posix(): _entry(path)
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }
    for inner in root.glob("*/.git"):  # a repository that is no submodule
        found |= (
            {f"{inner}/{name}": entry for name, entry in git_folder(inner.parent).items()}
            if inner.is_dir()
            else {}
        )
    return found


def state_of(folder: Path) -> CodeState:
    """What is captured of the code in this folder."""
    state = at_start(folder)
    assert isinstance(state, CodeState), state
    return state


def restored(state: CodeState, folder: Path, source: Path | None = None) -> Restored:
    """What a stranger gets who has the record, and perhaps a repository."""
    return restore(example_record(state.fact), state.evidence.__getitem__, folder, source)


def exit_code(state: CodeState, folder: Path) -> int:
    """What `repro restore` would end with."""
    try:
        return restored(state, folder).exit_code
    except CannotRestore:
        return 3


def git_bytes(folder: Path, *words: str) -> bytes:
    """Output of a git command as it is."""
    return subprocess.run(("git", *words), cwd=folder, check=True, capture_output=True).stdout


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _entry(path: Path) -> tuple[str, bytes]:
    if path.is_symlink():
        return "link", os.fsencode(os.readlink(path))
    is_executable = bool(path.stat().st_mode & stat.S_IXUSR)
    return ("executable" if is_executable else "file"), path.read_bytes()
