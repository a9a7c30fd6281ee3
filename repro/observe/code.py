"""Looks at the git work tree without touching it.

The tree is built in a scratch index with a scratch object folder, so that neither the user's index
nor the object database of the repository is written to.
"""

import ast
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from git import Repo
from git.exc import GitCommandError, GitError, InvalidGitRepositoryError, NoSuchPathError

from repro.digest import digest_bytes
from repro.facts.code import Code, Module
from repro.facts.fact import Absent
from repro.observe.evidence import Evidence, evidence_path
from repro.observe.redaction import masked_argv, masked_text, masked_url

UNTRACKED_BYTES = 10 * 2**20  # a larger untracked file is listed, not kept
GIT_SECONDS = 60
FIELDS_BEFORE_PATH = {"1": 8, "2": 9, "u": 10}  # of a line of `git status --porcelain=v2`
STORE = ("mlruns", "mlartifacts", "mlflow.db*")  # a store inside the work tree is not code
FLAGS = (
    *("--no-optional-locks", "-c", "core.quotepath=off", "-c", "color.ui=false"),
    *("-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "core.fsmonitor=false"),
    *("-c", "core.splitIndex=false"),  # a split index would put its half into `.git`
)

# Against the user's configuration, in which a patch may come out that no one can apply.
PATCH = (
    *("--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color"),
    *("--unified=3", "--submodule=short"),
)
APPLY = ("--cached", "--binary", "--whitespace=nowarn")


@dataclass(frozen=True)
class CodeState:
    """The code when the run started, with the patch that brings it back."""

    fact: Code
    root: Path
    evidence: Evidence  # what brings the tree back
    sources: Mapping[Path, str]  # digest of the bytes of each file imported by then


def at_start(folder: Path) -> CodeState | Absent:
    """State of the work tree around `folder`."""
    try:
        repo = Repo(folder, search_parent_directories=True)
    except (InvalidGitRepositoryError, NoSuchPathError):
        reason = f"{folder} is in no git repository; `git init`, commit, and run again"
        return Absent(reason=reason, kind="not_recorded")
    if repo.working_tree_dir is None:
        return Absent(reason=f"{folder} is in a bare repository", kind="not_recorded")
    root = Path(repo.working_tree_dir)
    status = _status(repo)
    snapshot = _snapshot(repo, status) if status.is_dirty else _clean(repo)
    fact = Code(
        commit=status.commit,
        branch=status.branch,
        remote=_remote(repo),
        tree=snapshot.tree,
        is_dirty=status.is_dirty,
        n_modified=status.n_modified,
        n_untracked=len(status.untracked),
        patch=evidence_path(snapshot.digest, "patch") if snapshot.digest else None,
        patch_digest=snapshot.digest,
        restore_verified=snapshot.is_verified,
        skipped=tuple(map(masked_text, snapshot.skipped)),
        entry_point=_entry_point(root),
        argv=masked_argv(sys.argv),
        modules=tuple(_modules(root)),
    )
    evidence = {fact.patch: snapshot.patch or b""} if fact.patch else {}
    return CodeState(fact, root, evidence, _sources(root))


def at_end(state: CodeState) -> Code:
    """The same state, with what was imported since and what was edited meanwhile."""
    known = {module.path: module for module in state.fact.modules}
    for module in _modules(state.root):
        known.setdefault(module.path, module)
    now = _sources(state.root)
    changed = [
        path.relative_to(state.root).as_posix()
        for path, digest in state.sources.items()
        if now.get(path) != digest
    ]
    modules = tuple(known[path] for path in sorted(known))
    return state.fact.but(modules=modules, changed_during_run=tuple(sorted(changed)))


@dataclass(frozen=True)
class _Status:
    commit: str | None
    branch: str | None
    modified: tuple[str, ...]  # tracked paths, relative to the root
    untracked: tuple[str, ...]
    inner: tuple[str, ...]  # repositories inside this one that hold changes of their own
    n_modified: int  # a rename is one change of two paths

    @property
    def is_dirty(self) -> bool:
        return bool(self.modified or self.untracked)


@dataclass(frozen=True)
class _Snapshot:
    tree: str | None
    patch: bytes | None = None
    digest: str | None = None
    is_verified: bool = False
    skipped: tuple[str, ...] = ()


def _git(
    repo: Repo, *words: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> bytes:
    """Output of one git command, byte for byte."""
    with tempfile.TemporaryFile() as given:
        given.write(stdin or b"")
        given.seek(0)
        output = repo.git.execute(
            ["git", *FLAGS, *words],
            istream=given,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=GIT_SECONDS,
            env=dict(env) if env else None,
        )
    return output if isinstance(output, bytes) else str(output).encode()


def _status(repo: Repo) -> _Status:
    excluded = [f":(exclude){path}" for path in STORE]
    command = ("status", "--porcelain=v2", "--branch", "-z", "-uall", "--", ".", *excluded)
    commit = branch = None
    modified: list[str] = []
    untracked: list[str] = []
    inner: list[str] = []
    n_modified = 0
    entries = iter(os.fsdecode(_git(repo, *command)).split("\0"))
    for entry in entries:
        kind = entry[:1]
        if entry.startswith("# branch.oid "):
            commit = None if entry.endswith("(initial)") else entry.split()[-1]
        elif entry.startswith("# branch.head "):
            branch = None if entry.endswith("(detached)") else entry.partition("head ")[2]
        elif kind in FIELDS_BEFORE_PATH:
            n_modified += 1
            _, _, submodule, *_, path = entry.split(" ", FIELDS_BEFORE_PATH[kind])
            modified.append(path)
            if submodule[2:] not in ("..", ""):  # modified or untracked files inside
                inner.append(path)
            if kind == "2":
                modified.append(next(entries))  # a rename is followed by its old path
        elif kind == "?":
            untracked.append(entry[2:])
    inner += [path for path in untracked if path.endswith("/")]
    return _Status(commit, branch, tuple(modified), tuple(untracked), tuple(inner), n_modified)


def _clean(repo: Repo) -> _Snapshot:
    if not repo.head.is_valid():
        return _Snapshot(tree=None, is_verified=True)
    return _Snapshot(tree=_git(repo, "rev-parse", "HEAD^{tree}").decode().strip(), is_verified=True)


def _snapshot(repo: Repo, status: _Status) -> _Snapshot:
    """Tree id of the work tree as it stands, and a proved patch from the commit to it."""
    root = Path(str(repo.working_tree_dir))
    large = (path for path in status.untracked if _is_large(root / path))
    skipped = (*status.inner, *large)
    with tempfile.TemporaryDirectory(prefix="repro-git-") as scratch:
        env = _scratch_env(repo, Path(scratch))
        index = Path(repo.git_dir) / "index"
        if index.exists():
            # With its times: git looks again into files as young as their index.
            shutil.copy2(index, env["GIT_INDEX_FILE"])
        changed = [*status.modified, *(set(status.untracked) - set(skipped))]
        _git(
            repo,
            *("update-index", "--add", "--remove", "-z", "--stdin"),
            env=env,
            stdin=b"".join(os.fsencode(path) + b"\0" for path in changed),
        )
        tree = _git(repo, "write-tree", env=env).decode().strip()
        base = (
            status.commit or _git(repo, "hash-object", "-t", "tree", "/dev/null").decode().strip()
        )
        patch = _git(repo, "diff", *PATCH, base, tree, env=env)
        is_verified = not skipped and _applies(repo, status.commit, patch, tree, env, Path(scratch))
    masked = masked_text(patch.decode("latin-1")).encode("latin-1")
    is_verified = is_verified and masked == patch
    return _Snapshot(tree, masked, digest_bytes(masked), is_verified, skipped)


def _scratch_env(repo: Repo, scratch: Path) -> dict[str, str]:
    objects = Path(repo.common_dir) / "objects"
    (scratch / "objects").mkdir()
    return {
        "GIT_INDEX_FILE": str(scratch / "index"),
        "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
    }


def _applies(
    repo: Repo, commit: str | None, patch: bytes, tree: str, env: dict[str, str], scratch: Path
) -> bool:
    """Whether the patch turns the commit into exactly this tree."""
    (scratch / "patch").write_bytes(patch)
    env = {**env, "GIT_INDEX_FILE": str(scratch / "restored")}
    try:
        _git(repo, "read-tree", commit or "--empty", env=env)
        if patch:
            _git(repo, "apply", *APPLY, str(scratch / "patch"), env=env)
        return _git(repo, "write-tree", env=env).decode().strip() == tree
    except GitCommandError:
        return False


def _is_large(path: Path) -> bool:
    try:
        return path.lstat().st_size > UNTRACKED_BYTES
    except OSError:
        return False


def _remote(repo: Repo) -> str | None:
    try:
        return next((masked_url(remote.url) for remote in repo.remotes), None)
    except (GitError, ValueError):
        return None


def _imported_files(root: Path) -> Iterator[Path]:
    """Source files under the root that this process has imported, each once."""
    seen: set[Path] = set()
    for module in list(sys.modules.values()):
        source = getattr(module, "__file__", None)
        if not isinstance(source, str) or not source.endswith(".py"):
            continue
        path = _resolved(source)
        if path not in seen and path.is_relative_to(root) and "site-packages" not in path.parts:
            seen.add(path)
            yield path


@cache
def _resolved(source: str) -> Path:
    """Costs 60 us, and four times a run thousands of files are looked at."""
    return Path(source).resolve()


def _modules(root: Path) -> Iterator[Module]:
    root = root.resolve()
    for path in sorted(_imported_files(root)):
        if path.exists():
            digest = source_digest(path.read_bytes())
            yield Module(path=path.relative_to(root).as_posix(), digest=digest)


def _sources(root: Path) -> dict[Path, str]:
    files = _imported_files(root.resolve())
    return {path: digest_bytes(path.read_bytes()) for path in files if path.exists()}


def source_digest(source: bytes | str) -> str:
    """Digest of Python source by its syntax tree: comments and layout do not count.

    >>> source_digest("x = 1  # one") == source_digest("x=1")
    True
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # Python said them when it was imported
            tree = ast.parse(source)
        return digest_bytes(ast.dump(tree).encode("utf-8", "surrogatepass"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return digest_bytes(source if isinstance(source, bytes) else source.encode())


def _entry_point(root: Path) -> str | None:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main is None:
        return None
    path = Path(main).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
