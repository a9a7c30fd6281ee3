"""The folder that a replay runs in: the code as it ran, and the data that git does not hold."""

import getpass
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import CannotReplay, CannotRestore, UsageError
from repro.facts.code import Code
from repro.observe.git import Git, GitFailed, work_tree_around
from repro.record import RunRecord
from repro.restore import restore

Stamp = tuple[int, int] | None  # size, and time of the last change in nanoseconds; None: gone


@dataclass(frozen=True)
class Place:
    """A work tree of its own, in a folder that is deleted afterwards."""

    tree: Path
    temporary: Path
    linked: Mapping[Path, Stamp]  # files of the user's that it has links to

    def changed(self) -> list[Path]:
        """The user's files that are not as they were: links do not keep a script from writing."""
        return [path for path, stamp in self.linked.items() if _stamp(path) != stamp]


def make_place(
    record: RunRecord, artifact: Callable[[str], bytes], folder: Path, data: Sequence[Path]
) -> Place:
    """Bring the code back into a folder, and link data from here to where the script expects them.

    Raises
    ------
    CannotReplay
        The code is not what ran, byte for byte.
    UsageError
        Data are not there, or lie outside this repository.
    """
    tree, temporary = folder / "code", folder / "tmp"
    temporary.mkdir(parents=True)
    try:
        restored = restore(record, artifact, tree)
    except CannotRestore as error:
        raise CannotReplay(f"its code cannot be brought back: {error}") from error
    if restored.differs:
        raise CannotReplay(f"its code cannot be brought back exactly: {restored.differs[0]}")
    linked = {file: _stamp(file) for path in data for file in _linked(path.absolute(), tree)}
    return Place(tree.resolve(), temporary, linked)


def _linked(path: Path, tree: Path) -> Iterator[Path]:
    """Give the tree a file, or the files of a folder: folders of its own, links to the files."""
    root = root_here()
    if root is None or not path.is_relative_to(root) or not path.exists():
        raise UsageError(
            f"--data {path}: no such file or folder in the repository {root or Path.cwd()}. "
            f"Name what the script reads by a relative path and git does not hold."
        )
    for file in [path] if path.is_file() else (one for one in path.rglob("*") if one.is_file()):
        link = tree / file.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(file)
            yield file


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def root_here() -> Path | None:
    """The repository around the working directory."""
    try:
        return work_tree_around(Path.cwd()).root
    except GitFailed:
        return None


def import_paths(place: Place, roots: Sequence[Path], base: str) -> str:
    """PYTHONPATH by which a package that is installed in place is the restored one, not today's."""
    library = sysconfig.get_path("stdlib")
    start = sys.path.index(library) if library in sys.path else 0
    installed = [Path(path) for path in sys.path[start:]]
    given = [Path(path) for path in base.split(os.pathsep) if path]
    found = []
    for path in (*given, *installed):
        root = next((root for root in roots if path.is_relative_to(root)), None)
        inside = root is not None and "site-packages" not in path.parts
        if root is not None and inside:
            found.append(place.tree / path.relative_to(root))
        elif path in given:
            found.append(path)
    return os.pathsep.join(map(str, found))


def why_to_ask(record: RunRecord, tree: Path, user: str | None) -> str | None:
    """Why the code may be someone else's; None: it is of who asks.

    Parameters
    ----------
    user : who recorded the run, as MLflow tells
    """
    me, author = _git(Path.cwd(), "config", "user.email"), None
    code = record.find(Code)
    if code is not None and code.commit:
        author = _git(tree, "log", "-1", "--format=%ae")
    if not author or not me:
        return f"the author of the code is {author or 'unknown'}, you are {me or 'unknown'}"
    if author != me:
        return f"the author of the code is {author}, you are {me}"
    if code is not None and code.is_dirty and user != getpass.getuser():
        return f"its uncommitted changes are of {user or 'unknown'}, you are {getpass.getuser()}"
    return None


def _git(folder: Path, *words: str) -> str | None:
    try:
        return Git(folder).line(*words) or None
    except (GitFailed, OSError):
        return None
