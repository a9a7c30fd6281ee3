"""Brings the code of a run back into an empty folder."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from repro.errors import CannotRestore, RecordCorrupt, UsageError
from repro.facts.code import Code, Repository
from repro.facts.fact import Absent, Opaque
from repro.observe.bundle import prerequisites, unbundle
from repro.observe.evidence import fetched
from repro.observe.git import (
    Git,
    GitFailed,
    end_lines,
    has_commit,
    new_repository,
    rebuild,
    work_tree_around,
)
from repro.observe.status import filtered
from repro.observe.worktree import shown
from repro.record import RunRecord

FETCH_SECONDS = 3_600.0  # the history of a large project over a slow line


@dataclass(frozen=True)
class Restored:
    """The code of a run, in a folder."""

    folder: Path
    differs: tuple[str, ...]  # why it is not what ran, byte for byte; empty: it is

    @property
    def exit_code(self) -> int:
        """0 exact, 1 not exact."""
        return 1 if self.differs else 0

    def __str__(self) -> str:
        if not self.differs:
            return f"{self.folder} holds the code that ran, byte for byte"
        lines = "".join(f"\n  {why}" for why in self.differs)
        return f"{self.folder} is NOT exactly the code that ran:{lines}"


def restore(
    record: RunRecord,
    artifact: Callable[[str], bytes],
    folder: Path,
    source: Path | None = None,
) -> Restored:
    """Write the code that ran into a folder, as a repository on the same commit.

    Parameters
    ----------
    artifact : content of an artifact of the run, by its path
    folder : absent, or empty
    source : a repository that may have the commit; by default the one around the working
        directory. Next come the commits kept beside the record, then the recorded remote.

    Raises
    ------
    UsageError
        The folder holds something.
    CannotRestore
        The commit is nowhere to be found, or the run does not know its code.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty. Name a folder that does not exist yet.")
    code = record.get(Code)
    if isinstance(code, Absent):
        raise CannotRestore(f"the code of run {record.run_id[:8]} is unknown: {code.reason}.")
    if isinstance(code, Opaque):
        raise CannotRestore(f"run {record.run_id[:8]} was recorded by a newer version of repro.")
    was_there = folder.exists()
    try:
        return Restored(folder, tuple(_restore(code, artifact, folder.resolve(), source)))
    except BaseException as error:
        _clear(folder, was_there)
        if isinstance(error, GitFailed | RecordCorrupt):
            raise CannotRestore(f"run {record.run_id[:8]}: {error}") from error
        raise


def _clear(folder: Path, was_there: bool) -> None:
    """Leave the folder as it was found: empty, or absent."""
    shutil.rmtree(folder, ignore_errors=True)
    if was_there:
        folder.mkdir()


def _restore(
    code: Code, artifact: Callable[[str], bytes], folder: Path, source: Path | None
) -> Iterator[str]:
    """Restore every repository, the outermost first; gives what is not as it was."""
    near = _repository(source or Path.cwd())
    if source and not near:
        raise UsageError(f"{source} is in no git repository.")
    if code.not_restorable:
        yield code.not_restorable
    yield from _restore_one(code, artifact, folder, near)
    for inner in code.submodules:
        beside = near and _repository(near / inner.path)
        for why in _restore_one(inner, artifact, folder / inner.path, beside):
            yield f"{inner.path}: {why}"


def _repository(folder: Path) -> Path | None:
    """The work tree around a folder, or the folder itself if it is a bare repository."""
    try:
        return work_tree_around(folder).root
    except (GitFailed, OSError):
        return folder.resolve() if _is_bare(folder) else None


def _is_bare(folder: Path) -> bool:
    try:
        return Git(folder).line("rev-parse", "--is-bare-repository") == "true"
    except (GitFailed, OSError):
        return False


def _restore_one(
    held: Code | Repository, artifact: Callable[[str], bytes], folder: Path, source: Path | None
) -> Iterator[str]:
    git = new_repository(folder, "sha256" if len(held.tree or "") == 64 else "sha1")
    end_lines(git, held.autocrlf, held.eol)
    if held.remote:
        git("remote", "add", "origin", held.remote)
    if held.commit:
        _bring(git, held, artifact, source)
        git("update-ref", "--no-deref", "HEAD", held.commit)
    patch = fetched(artifact, held.patch, held.patch_digest) if held.patch else b""
    try:
        tree = rebuild(git, held.commit, patch)
    except GitFailed:
        if held.restore_verified:
            raise
        tree = rebuild(git, held.commit, b"")
        yield "the patch does not apply; only the commit was restored"
    if held.kept_tree and tree != held.kept_tree:
        yield f"the tree is {tree[:12]}, the one that ran was {held.kept_tree[:12]}"
    git("checkout-index", "--all")
    yield from _missing_filters(git)
    git("read-tree", held.commit or "--empty")  # the changes are shown as what they were


def _missing_filters(git: Git) -> Iterator[str]:
    """Filters, such as that of LFS, that should have changed files and are not installed here."""
    paths = git.line("ls-files", "-z").split("\0")
    filters = filtered(git, [path for path in paths if path])
    installed = git.line("config", "-z", "--name-only", "--list").split("\0")
    for name in sorted(set(filters.values())):
        if not {f"filter.{name}.smudge", f"filter.{name}.process"} & set(installed):
            own = [path for path, other in filters.items() if other == name]
            yield f"this machine has no filter {name!r}: {shown(own)}"


def _bring(
    git: Git, held: Code | Repository, artifact: Callable[[str], bytes], source: Path | None
) -> None:
    """Get the commit: from the repository at hand, else from its bundle, else from its remote."""
    assert held.commit is not None
    bundle = fetched(artifact, held.bundle, held.bundle_digest) if held.bundle else None
    if bundle is None or (source and has_commit(Git(source), held.commit)):
        _fetch(git, held, held.commit, source)
        return
    for commit in prerequisites(bundle):
        _fetch(git, held, commit, source)
    unbundle(git, bundle)
    _mark_shallow(git, held.commit)


def _fetch(git: Git, held: Code | Repository, commit: str, source: Path | None) -> None:
    """Get one commit from the repository at hand, else from the remote."""
    patient = Git(git.folder, git.variables, FETCH_SECONDS).having(GIT_TERMINAL_PROMPT=0)
    fetch = ("fetch", "-q", "--no-tags", "--no-write-fetch-head")
    if source and has_commit(Git(source), commit):
        patient(*fetch, str(source), commit)
        return
    where = f"not in {source}" if source else "in no repository at hand (--from names one)"
    missing = f"commit {commit[:12]} is {where}"
    if not held.remote:
        why = f" ({held.not_restorable})" if held.not_restorable else ""
        raise CannotRestore(f"{missing}, no bundle of it was kept{why}, and no remote is known.")
    try:
        try:
            patient(*fetch, "--depth=1", "origin", commit)
        except GitFailed:  # a server that hands out branches only
            patient(*fetch, "origin", "+refs/heads/*:refs/remotes/origin/*")
            if not has_commit(git, commit):
                raise
    except GitFailed as error:
        raise CannotRestore(f"{missing}, and {held.remote} does not give it: {error}") from error


def _mark_shallow(git: Git, commit: str) -> None:
    """Tell git which parents are not here: the bundle may be that of a shallow clone."""
    listed = git.line(
        "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"
    )
    commits = [line.split()[1] for line in listed.splitlines() if line.startswith("commit ")]
    rows = git.line(
        "rev-list", "--no-walk", "--parents", "--stdin", stdin="\n".join(commits).encode()
    )
    families = [row.split() for row in rows.splitlines()]
    open_ended = [child for child, *parents in families if not set(parents) <= set(commits)]
    if open_ended:
        (git.folder / ".git" / "shallow").write_text("".join(f"{c}\n" for c in open_ended))
