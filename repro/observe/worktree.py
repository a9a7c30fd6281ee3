"""Looks at one git work tree without touching it.

What would be committed is built in a scratch index with scratch objects, so that neither the
user's index nor the object database is written to; then a stranger's way back is tried out.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repro.observe.git import (
    PATCH,
    Git,
    GitFailed,
    WorkTree,
    end_lines,
    rebuild,
    scratch_repository,
)
from repro.observe.redaction import masked_patch, masked_text
from repro.observe.status import (
    Settings,
    Status,
    as_input,
    converted,
    filtered,
    settings_of,
    status_of,
)

UNTRACKED_BYTES = 10 * 2**20  # a larger untracked file is listed, not kept
PATCH_BYTES = 50 * 2**20
DELETED, REPOSITORY = "000000", "160000"
SHOWN = 5  # paths in a reason


@dataclass(frozen=True)
class Change:
    """What became of one path since a commit."""

    was_there: bool
    mode: str  # git's; "000000": deleted
    content: str  # git's id


@dataclass(frozen=True)
class Snapshot:
    """The work tree, and what it takes to make it of its commit."""

    tree: str | None  # what git would commit
    kept_tree: str | None  # with imported files that git ignores
    patch: bytes | None = None  # from the commit to the kept tree; None: clean, or not kept
    changes: Mapping[str, Change] = field(default_factory=dict)  # by path
    skipped: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # why the patch would not bring these bytes back


def snapshot(
    tree: WorkTree, status: Status, settings: Settings, imported: Sequence[str]
) -> Snapshot:
    """The work tree as it stands, with a patch that was tried out.

    Parameters
    ----------
    imported : files that the program imported and git ignores; they are kept, too
    """
    reasons = list(_sparse(status))
    has_patch = bool(status.is_dirty or status.hidden or imported)
    doubtful = converted(tree, settings) if status.has_attributes or settings.converts else ()
    if not has_patch and not doubtful:
        head = _tree_of_head(tree, status)
        return Snapshot(head, head, reasons=tuple(reasons))
    borrow = (tree.common_folder,)
    with scratch_repository(borrow=borrow, object_format=settings.object_format) as scratch:
        added = add_all(tree, status, imported, scratch, since=status.commit)
        patch = scratch("diff", *PATCH, added.base, added.kept_tree)
        end_lines(scratch, settings.autocrlf, settings.eol)
        reasons += [*_large(added.skipped)]
        reasons += [*_refuted(scratch, tree, status, patch, added, doubtful)]
    masked: bytes | None = masked_patch(patch) if len(patch) <= PATCH_BYTES else None
    if masked is None:
        reasons.append(f"the patch is over {PATCH_BYTES // 2**20} MB and was not kept")
    elif masked != patch:
        reasons.append("a secret was masked in the patch")
    return Snapshot(
        tree=added.tree,
        kept_tree=added.kept_tree,
        patch=masked if has_patch else None,
        changes=added.changes,
        skipped=added.skipped,
        reasons=tuple(reasons),
    )


def changes_since(
    tree: WorkTree, commit: str | None, imported: Sequence[str]
) -> tuple[str | None, Mapping[str, Change]]:
    """Tree id of the work tree as it stands now, and what it changes in a commit."""
    status = status_of(tree)
    if status.commit == commit and not (status.is_dirty or status.hidden or imported):
        return _tree_of_head(tree, status), {}
    borrow, settings = (tree.common_folder,), settings_of(tree)
    with scratch_repository(borrow=borrow, object_format=settings.object_format) as scratch:
        added = add_all(tree, status, imported, scratch, since=commit)
    return added.tree, added.changes


def _tree_of_head(tree: WorkTree, status: Status) -> str | None:
    return tree.git.line("rev-parse", "HEAD^{tree}") if status.commit else None


def _sparse(status: Status) -> Iterator[str]:
    if status.sparse:
        yield f"a sparse checkout leaves out {shown(status.sparse)}"


@dataclass(frozen=True)
class Added:
    """Tree ids of a work tree in a scratch repository."""

    base: str  # what the changes are counted from
    tree: str
    kept_tree: str
    changes: Mapping[str, Change]
    skipped: tuple[str, ...]


def add_all(
    tree: WorkTree, status: Status, imported: Sequence[str], scratch: Git, *, since: str | None
) -> Added:
    """Write the work tree into a scratch repository, as `git add --all` would.

    Parameters
    ----------
    since : commit that the changes are counted from; None: an empty tree
    """
    folder = Path(scratch.variables["GIT_DIR"])
    git = tree.git.having(GIT_INDEX_FILE=folder / "added", GIT_OBJECT_DIRECTORY=folder / "objects")
    if (tree.git_folder / "index").exists():
        # With its times: git looks again into files as young as their index.
        shutil.copy2(tree.git_folder / "index", folder / "added")
    for flag in ("--no-assume-unchanged", "--no-skip-worktree") if status.hidden else ():
        git("update-index", flag, "-z", "--stdin", stdin=as_input(status.hidden))
    large = {path for path in (*status.untracked, *imported) if _is_large(tree.root / path)}
    add = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
    changed = [*status.modified, *status.hidden, *status.untracked]  # what is gone goes first
    git(*add, stdin=as_input([path for path in changed if path not in large]))
    written = git.line("write-tree")
    git(*add, stdin=as_input([path for path in imported if path not in large]))
    kept_tree = git.line("write-tree")
    base = since or scratch.line("hash-object", "-w", "-t", "tree", "--stdin")
    changes = dict(_changes(scratch, base, kept_tree))
    return Added(base, written, kept_tree, changes, tuple(sorted(large)))


def _changes(git: Git, base: str, tree: str) -> Iterator[tuple[str, Change]]:
    """Each path at which two trees differ, with mode and content id of the second."""
    words = ("--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
    fields = iter(git.line("diff", *words, base, tree).split("\0"))
    for head in fields:
        if head:
            before, mode, _, content, _ = head.removeprefix(":").split(" ")
            yield next(fields), Change(before != DELETED, mode, content)


def _refuted(
    git: Git, tree: WorkTree, status: Status, patch: bytes, added: Added, doubtful: Sequence[str]
) -> Iterator[str]:
    """Why a stranger with commit and patch would not get these files, byte for byte."""
    try:
        if rebuild(git, status.commit, patch) != added.kept_tree:
            yield "the patch gives another tree"
            return
    except GitFailed as error:
        yield f"the patch does not apply: {error}"
        return
    changes = added.changes.items()
    changed = {path for path, change in changes if change.mode not in (DELETED, REPOSITORY)}
    unchanged = {path for path in doubtful if path not in added.changes}
    # A filter is a program of this machine; it may fetch from a server what git does not hold.
    filters = filtered(tree.git, [*changed, *unchanged])
    if programs := sorted({filters[path] for path in changed & filters.keys()}):
        yield f"a filter ({', '.join(programs)}) changes {shown(sorted(changed & filters.keys()))}"
    files = sorted((changed | unchanged) - filters.keys())
    git("checkout-index", "-z", "--stdin", stdin=as_input(files))
    if other := [path for path in files if not is_same_file(git.folder / path, tree.root / path)]:
        yield f"a checkout writes other bytes or modes: {shown(other)}"


def is_same_file(left: Path, right: Path) -> bool:
    """Whether two paths hold the same bytes, are executable alike, or links to the same target."""
    try:
        if left.is_symlink() or right.is_symlink():
            return os.readlink(left) == os.readlink(right)
        modes = [path.stat().st_mode & stat.S_IXUSR for path in (left, right)]
        return modes[0] == modes[1] and left.read_bytes() == right.read_bytes()
    except OSError:
        return False


def _large(skipped: Sequence[str]) -> Iterator[str]:
    if skipped:
        what = "file is" if len(skipped) == 1 else "files are"
        size = UNTRACKED_BYTES // 2**20
        yield f"{len(skipped)} untracked {what} over {size} MB: {shown(skipped)}"


def _is_large(path: Path) -> bool:
    try:
        return path.lstat().st_size > UNTRACKED_BYTES
    except OSError:
        return False


def shown(paths: Sequence[str]) -> str:
    """The first of many paths, fit for a message."""
    named = masked_text(", ".join(paths[:SHOWN]))
    return named if len(paths) <= SHOWN else f"{named} and {len(paths) - SHOWN} more"
