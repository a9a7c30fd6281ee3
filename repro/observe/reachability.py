"""Looks up in a clone whether a run's commit was pushed; when a claim is judged, not before."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from repro.facts.code import Code
from repro.facts.fact import Absent, Opaque
from repro.facts.reachability import Reachability
from repro.observe.git import Git, GitFailed, WorkTree, has_commit, work_tree_around
from repro.record import RunRecord

MOST = 3  # refs that are told: one is enough


def at_judgement(records: Iterable[RunRecord], folder: Path) -> list[Reachability | Absent]:
    """What the clone around `folder` knows of the commit of each run; 10 ms for each commit."""
    clone = _clone_around(folder.resolve())
    return [_of_run(record, clone) for record in records]


@dataclass(frozen=True)
class _Clone:
    tree: WorkTree
    has_remote: bool
    is_shallow: bool
    known: str  # every ref with its commit, HEAD first: after a fetch it is looked up again


def _clone_around(folder: Path) -> _Clone | Absent:
    try:
        tree = work_tree_around(folder)
        return _Clone(
            tree=tree,
            has_remote=bool(tree.git.line("remote")),
            is_shallow=(tree.common_folder / "shallow").exists(),
            known=_known(tree.git),
        )
    except GitFailed as error:
        return Absent(reason=f"{folder} is no clone to look it up in: {error}", kind="not_recorded")


def _of_run(record: RunRecord, clone: _Clone | Absent) -> Reachability | Absent:
    code = record.get(Code)
    if isinstance(code, Absent):
        return code
    if isinstance(code, Opaque):
        return Absent(reason="a newer version of repro wrote the code", kind="not_recorded")
    if isinstance(clone, Absent):
        return clone
    if code.commit is None:
        return Reachability(commit=None, is_here=False, has_remote=clone.has_remote)
    return _looked_up(clone, code.commit)


def _known(git: Git) -> str:
    try:
        return git.line("show-ref", "--head")
    except GitFailed as error:
        if error.status != 1:  # git's way to say that nothing is committed yet
            raise
        return ""


@lru_cache(maxsize=64)
def _looked_up(clone: _Clone, commit: str) -> Reachability:
    git = clone.tree.git
    is_here = has_commit(git, commit)
    return Reachability(
        commit=commit,
        is_here=is_here,
        refs=_refs(git, commit) if is_here else (),
        is_in_head=is_here and _is_in_head(git, commit),
        has_remote=clone.has_remote,
        is_shallow=clone.is_shallow,
    )


def _refs(git: Git, commit: str) -> tuple[str, ...]:
    words = ("--format=%(refname)", f"--count={MOST}", f"--contains={commit}")
    return tuple(git.line("for-each-ref", *words, "refs/remotes", "refs/tags").split())


def _is_in_head(git: Git, commit: str) -> bool:
    try:
        git("merge-base", "--is-ancestor", commit, "HEAD")
    except GitFailed as error:
        if error.status != 1:  # git's way to say no
            raise
        return False
    return True
