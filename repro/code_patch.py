"""What changed between the trees of two runs, as a patch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from repro.audit.run_diff import ChangedFile
from repro.errors import CannotRestore, RecordCorrupt
from repro.facts.code import Code, Repository
from repro.facts.fact import Absent
from repro.observe.bundle import unbundle
from repro.observe.evidence import fetched
from repro.observe.git import (
    COMPARE,
    Git,
    GitFailed,
    has_commit,
    rebuild,
    scratch_repository,
    work_tree_around,
)
from repro.observe.redaction import masked_patch, masked_text
from repro.record import RunRecord


@dataclass(frozen=True)
class Side:
    """One run, with a way to what its record refers to."""

    record: RunRecord
    artifact: Callable[[str], bytes]  # content of an artifact, by its path


@dataclass(frozen=True)
class CodePatch:
    """From the tree that the left run ran to the tree that the right one ran."""

    text: str  # unified diff, secrets masked
    files: tuple[ChangedFile, ...]


def code_patch(left: Side, right: Side, repository: Path | None) -> CodePatch | Absent:
    """The patch between the trees that ran; if one of them cannot be rebuilt, why.

    Parameters
    ----------
    repository : a work tree that may have the commits; it is only read
    """
    try:
        first, second = _code(left), _code(right)
        paths = _differing_submodules(first, second)
        object_format = "sha256" if len(first.tree or "") == 64 else "sha1"
        borrow = tuple(_object_folders(repository, paths)) if repository else ()
        with scratch_repository(borrow=borrow, object_format=object_format) as git:
            before = _whole_tree(git, left, first, paths)
            after = _whole_tree(git, right, second, paths)
            return _patch(git, before, after)
    except (CannotRestore, GitFailed, RecordCorrupt) as error:
        return Absent(reason=str(error), kind="failed")


def _code(side: Side) -> Code:
    code = side.record.get(Code)
    if isinstance(code, Code):
        return code
    why = code.reason if isinstance(code, Absent) else "recorded by a newer version of repro"
    raise CannotRestore(f"the code of run {side.record.run_id[:8]} is unknown: {why}")


def _differing_submodules(left: Code, right: Code) -> tuple[str, ...]:
    """Repositories inside, those first that hold others, whose trees are not the same."""
    trees = [{inner.path: inner.kept_tree for inner in code.submodules} for code in (left, right)]
    paths = trees[0].keys() | trees[1].keys()
    differing = {path for path in paths if trees[0].get(path) != trees[1].get(path)}
    holders = {path for path in paths if any(inner.startswith(f"{path}/") for inner in differing)}
    return tuple(sorted(differing | holders))


def _object_folders(repository: Path, paths: tuple[str, ...]) -> Iterator[Path]:
    for path in (".", *paths):
        try:
            yield work_tree_around(repository / path).common_folder
        except (GitFailed, OSError):
            continue  # what is missed, if anything, is said where it is needed


def _whole_tree(git: Git, side: Side, code: Code, paths: tuple[str, ...]) -> str:
    """Tree id of what ran, with the trees of these submodules in the place of their commits."""
    inner = {held.path: held for held in code.submodules}
    trees = {path: _tree(git, side, inner[path]) for path in paths if path in inner}
    git("read-tree", _tree(git, side, code))
    for path, tree in trees.items():
        git("update-index", "--force-remove", "--", path)
        git("read-tree", f"--prefix={path}/", tree)
    return git.line("write-tree")


def _tree(git: Git, side: Side, held: Code | Repository) -> str:
    run = f"run {side.record.run_id[:8]}"
    if held.commit and not has_commit(git, held.commit):
        if not held.bundle:
            raise CannotRestore(f"commit {held.commit[:12]} of {run} is not in this repository")
        unbundle(git, fetched(side.artifact, held.bundle, held.bundle_digest))
    patch = fetched(side.artifact, held.patch, held.patch_digest) if held.patch else b""
    try:
        tree = rebuild(git, held.commit, patch)
    except GitFailed:
        tree = ""
    if tree != (held.kept_tree or tree):
        raise CannotRestore(f"the tree of {run} cannot be rebuilt: {held.not_restorable}")
    return tree


def _patch(git: Git, before: str, after: str) -> CodePatch:
    text = git("diff", *COMPARE, "--find-renames", "--unified=3", before, after)
    counted = git.line("diff", *COMPARE, "--no-renames", "--numstat", "-z", before, after)
    return CodePatch(
        text=masked_patch(text).decode("utf-8", "replace"),
        files=tuple(_changed(row) for row in counted.split("\0") if row),
    )


def _changed(row: str) -> ChangedFile:
    added, removed, path = row.split("\t", 2)
    is_text = added != "-"
    return ChangedFile(
        path=masked_text(path),
        n_added=int(added) if is_text else None,
        n_removed=int(removed) if is_text else None,
    )
