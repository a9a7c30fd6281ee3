"""What a git repository holds, byte for byte."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

from project import git

Files = dict[str, tuple[str, bytes]]


def work_tree(root: Path) -> Files:
    """Kind and content of every file that git does not ignore."""
    listed = git_bytes(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = {root / os.fsdecode(name) for name in listed.split(b"\0") if name}
    return {path.relative_to(root).as_posix(): _entry(path) for path in paths if _exists(path)}


def git_folder(root: Path) -> Files:
    """Every file below `.git`."""
    folder = root / ".git"
    return {
        path.relative_to(folder).as_posix(): _entry(path)
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def restored(root: Path, commit: str | None, patch: bytes, folder: Path) -> Files:
    """What a stranger gets from the commit and the patch alone."""
    shutil.rmtree(folder, ignore_errors=True)
    if commit is None:
        folder.mkdir()
        git(folder, "init", "-q")
    else:
        git(root.parent, "clone", "-q", "--no-hardlinks", str(root), str(folder))
        git(folder, "checkout", "-q", "--detach", commit)
    if patch:
        file = folder.parent / "restored.patch"
        file.write_bytes(patch)
        git(folder, "apply", "--binary", "--whitespace=nowarn", str(file))
    return work_tree(folder)


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
