"""The code that runs: every repository of the work tree, and the files that were imported."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.digest import digest_bytes
from repro.facts.code import Code, Module, Repository
from repro.facts.fact import Absent
from repro.observe.bundle import Unpushed, unpushed
from repro.observe.evidence import evidence_path
from repro.observe.git import GitFailed, WorkTree, work_tree_around
from repro.observe.modules import imported_files, modules_of
from repro.observe.redaction import masked_argv, masked_text
from repro.observe.refactoring import sources_of
from repro.observe.status import (
    Settings,
    Status,
    hidden_by_ignore,
    settings_of,
    status_of,
)
from repro.observe.worktree import DELETED, Change, Snapshot, changes_since, shown, snapshot


@dataclass(frozen=True)
class Seen:
    """One repository of the work tree."""

    path: str  # relative to the outermost one, which is "."
    tree: WorkTree
    status: Status
    unreadable: tuple[str, ...]  # which repositories inside it, and why


@dataclass(frozen=True)
class Held:
    """One repository when the run started, and what brings it back."""

    seen: Seen
    settings: Settings
    ignored: tuple[str, ...]  # imported, and ignored by git
    snapshot: Snapshot
    unpushed: Unpushed

    @property
    def n_modified(self) -> int:
        """Tracked files that differ from the commit, also where git was told not to look."""
        return self.seen.status.n_modified + len(
            self.snapshot.changes.keys() & self.seen.status.hidden
        )

    @property
    def is_dirty(self) -> bool:
        """Whether it holds something else than its commit."""
        return self.seen.status.is_dirty or self.n_modified > 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it could not be brought back."""
        missing = (self.unpushed.reason,) if self.unpushed.reason else ()
        return (*missing, *self.seen.unreadable, *self.snapshot.reasons)


@dataclass(frozen=True)
class CodeState:
    """The code when the run started, with what brings it back."""

    fact: Code
    evidence: Mapping[str, bytes]
    root: Path
    held: tuple[Held, ...]  # the outermost repository first
    sources: Mapping[Path, bytes]  # what had been imported by then


def at_start(folder: Path) -> CodeState | Absent:
    """State of the work tree around `folder`."""
    try:
        tree = work_tree_around(folder)
    except GitFailed as error:
        return _no_work_tree(folder, error)
    sources = {path: path.read_bytes() for path in imported_files(tree.root)}
    held = tuple(_hold_all(tree, list(sources)))
    return CodeState(_fact(held), _evidence(held), tree.root, held, sources)


def _no_work_tree(folder: Path, error: GitFailed) -> Absent:
    if "not a git repository" in str(error):
        reason = f"{folder} is in no git repository; `git init`, commit, and run again"
    elif "must be run in a work tree" in str(error):
        reason = f"{folder} is in a bare repository"
    else:
        raise error
    return Absent(reason=reason, kind="not_recorded")


def _hold_all(tree: WorkTree, imported: Sequence[Path]) -> Iterator[Held]:
    found = list(_repositories(tree, "."))
    roots = [seen.tree.root for seen in found]
    for seen in found:
        ignored = hidden_by_ignore(seen.tree, _own(imported, seen.tree.root, roots))
        settings = settings_of(seen.tree)
        commit = seen.status.commit
        yield Held(
            seen=seen,
            settings=settings,
            ignored=ignored,
            snapshot=snapshot(seen.tree, seen.status, settings, ignored),
            unpushed=unpushed(seen.tree, commit) if commit else Unpushed(),
        )


def _repositories(tree: WorkTree, path: str) -> Iterator[Seen]:
    """The repository and those inside it, at any depth."""
    status = status_of(tree)
    inner, unreadable = [], []
    for name in status.nested:
        try:
            inner.append((name, work_tree_around(tree.root / name)))
        except GitFailed as error:
            unreadable.append(f"the repository {name} cannot be read: {error}")
    yield Seen(path, tree, status, tuple(unreadable))
    for name, other in inner:
        yield from _repositories(other, _joined(path, name))


def _own(files: Sequence[Path], root: Path, roots: Sequence[Path]) -> list[Path]:
    """Those files whose innermost repository is the one at `root`."""
    inner = [other for other in roots if other != root and other.is_relative_to(root)]
    return [
        file
        for file in files
        if file.is_relative_to(root) and not any(file.is_relative_to(other) for other in inner)
    ]


def _fact(held: Sequence[Held]) -> Code:
    outermost, *inner = held
    status = outermost.seen.status
    reasons = [
        *outermost.reasons,
        *(f"{it.seen.path}: {why}" for it in inner for why in it.reasons),
    ]
    return Code(
        **_stored(outermost),
        branch=status.branch,
        is_dirty=any(it.is_dirty for it in held),
        n_modified=sum(it.n_modified for it in held),
        n_untracked=sum(len(it.seen.status.untracked) for it in held),
        restore_verified=not reasons,
        not_restorable="; ".join(reasons) or None,
        submodules=tuple(
            Repository(
                **_stored(it),
                path=it.seen.path,
                restore_verified=not it.reasons,
                not_restorable="; ".join(it.reasons) or None,
            )
            for it in inner
        ),
        skipped=tuple(
            masked_text(_joined(it.seen.path, path)) for it in held for path in it.snapshot.skipped
        ),
        entry_point=_entry_point(outermost.seen.tree.root),
        argv=masked_argv(sys.argv),
    )


def _stored(held: Held) -> dict[str, Any]:
    """The fields that every repository has."""
    patch, bundle = held.snapshot.patch, held.unpushed.bundle
    return {
        "commit": held.seen.status.commit,
        "remote": held.settings.remote,
        "tree": held.snapshot.tree,
        "kept_tree": held.snapshot.kept_tree,
        "patch": _path(patch, "patch"),
        "patch_digest": None if patch is None else digest_bytes(patch),
        "bundle": _path(bundle, "bundle"),
        "bundle_digest": None if bundle is None else digest_bytes(bundle),
        "autocrlf": held.settings.autocrlf,
        "eol": held.settings.eol,
    }


def _path(content: bytes | None, suffix: str) -> str | None:
    return None if content is None else evidence_path(digest_bytes(content), suffix)


def _evidence(held: Sequence[Held]) -> dict[str, bytes]:
    contents = [
        pair
        for it in held
        for pair in ((it.snapshot.patch, "patch"), (it.unpushed.bundle, "bundle"))
    ]
    return {
        evidence_path(digest_bytes(content), suffix): content
        for content, suffix in contents
        if content is not None
    }


def _joined(path: str, file: str) -> str:
    return file if path == "." else f"{path}/{file}"


def _entry_point(root: Path) -> str | None:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main is None:
        return None
    path = Path(main).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def so_far(state: CodeState) -> Code:
    """The same state, with what is imported by now."""
    sources = {**state.sources, **_late(state)}
    return state.fact.but(
        modules=modules_of(sources, state.root), sources=sources_of(sources, state.root)
    )


def _late(state: CodeState) -> dict[Path, bytes]:
    """What was imported since."""
    imported = imported_files(state.root)
    return {path: path.read_bytes() for path in imported if path not in state.sources}


def at_end(state: CodeState) -> Code:
    """The same state, with what was imported since and what was edited meanwhile."""
    late = _late(state)
    ends = [_end(held) for held in state.held]
    changed = sorted(path for end in ends for path in end.changed)
    created = sorted(path for end in ends for path in end.created)
    names = {path.relative_to(state.root).as_posix() for path in late}
    unkept = sorted(names & {*changed, *created, *_ignored(state.held, list(late))})
    large = {_joined(held.seen.path, path) for held in state.held for path in held.snapshot.skipped}
    modules = modules_of({**state.sources, **late}, state.root)
    reasons = [state.fact.not_restorable] if state.fact.not_restorable else []
    if unkept:
        reasons.append(f"imported later, from files that were not kept: {shown(unkept)}")
    return state.fact.but(
        modules=modules,
        sources=sources_of({**state.sources, **late}, state.root),
        unkept=tuple(masked_text(path) for path in sorted({*unkept, *_imported(modules, large)})),
        tree_at_end=ends[0].tree,
        changed_during_run=tuple(map(masked_text, changed)),
        created_during_run=tuple(map(masked_text, created)),
        restore_verified=not reasons,
        not_restorable="; ".join(reasons) or None,
    )


def _imported(modules: Sequence[Module], paths: Collection[str]) -> set[str]:
    return {module.path for module in modules} & {*paths}


@dataclass(frozen=True)
class End:
    """What became of a repository while the run lasted; paths are relative to the outermost."""

    tree: str | None
    changed: tuple[str, ...]
    created: tuple[str, ...]


def _end(held: Held) -> End:
    tree, before = held.seen.tree, held.snapshot.changes
    after_tree, after = changes_since(tree, held.seen.status.commit, held.ignored)
    other = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    changed = [path for path in other if _was_there(path, before, after)]
    created = set(other) - set(changed)
    named = (tuple(_joined(held.seen.path, path) for path in paths) for paths in (changed, created))
    return End(after_tree, *named)


def _was_there(path: str, before: Mapping[str, Change], after: Mapping[str, Change]) -> bool:
    """Whether the file existed when the run started."""
    return before[path].mode != DELETED if path in before else after[path].was_there


def _ignored(held: Sequence[Held], files: Sequence[Path]) -> Iterator[str]:
    """Those files that git ignores, relative to the outermost repository."""
    roots = [it.seen.tree.root for it in held]
    for it in held:
        hidden = hidden_by_ignore(it.seen.tree, _own(files, it.seen.tree.root, roots))
        yield from (_joined(it.seen.path, path) for path in hidden)
