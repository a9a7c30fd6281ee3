"""What git says about a work tree: its status, its settings, its attributes."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.observe.git import Git, GitFailed, WorkTree
from repro.observe.redaction import masked_url

FIELDS_BEFORE_PATH = {"1": 8, "2": 9, "u": 10}  # of a line of `git status --porcelain=v2`
STORE = re.compile(r"(mlruns|mlartifacts)(/|$)|mlflow\.db")  # a store inside the tree is not code
STATUS = (
    *("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z"),
    # Folders as a whole: of 50,000 tracked files `all` costs 30 % more. Submodules are looked into
    # one by one.
    *("--untracked-files=normal", "--ignore-submodules=dirty"),
)
# `h` and `S`: git was told not to look (assume-unchanged, skip-worktree). 160000: a repository.
UNUSUAL = re.compile(
    rb"\0(?:(?P<mark>[hsS]) |[A-Z] (?=160000))[0-7]+ [0-9a-f]+ \d\t(?P<path>[^\0]+)"
)
MARKS = (b"\0h ", b"\0s ", b"\0S ", b" 160000 ")
ATTRIBUTES = b".gitattributes\0"


@dataclass(frozen=True)
class Settings:
    """What the configuration says about remotes and line ends."""

    remote: str | None
    autocrlf: str | None
    eol: str | None
    object_format: str

    @property
    def converts(self) -> bool:
        """Whether text is not checked out as it is stored."""
        return self.autocrlf in ("true", "input") or self.eol == "crlf"


@dataclass(frozen=True)
class Status:
    """What git says about a work tree; all paths are relative to its root."""

    commit: str | None
    branch: str | None
    modified: tuple[str, ...]  # tracked
    untracked: tuple[str, ...]
    hidden: tuple[str, ...]  # tracked files that git was told not to look at
    sparse: tuple[str, ...]  # tracked files that a sparse checkout leaves out
    nested: tuple[str, ...]  # repositories inside this one, checked out
    has_attributes: bool  # some `.gitattributes` may convert what is checked out
    n_modified: int  # a rename is one change of two paths

    @property
    def is_dirty(self) -> bool:
        """Whether git would commit something."""
        return bool(self.modified or self.untracked)


def settings_of(tree: WorkTree) -> Settings:
    """The settings that a stranger needs."""
    pairs = (entry.partition("\n") for entry in tree.git.line("config", "-z", "--list").split("\0"))
    found = {name: value for name, _, value in pairs}
    urls = [url for name, url in found.items() if re.fullmatch(r"remote\..*\.url", name, re.DOTALL)]
    return Settings(
        remote=masked_url(urls[0]) if urls else None,
        autocrlf=found.get("core.autocrlf"),
        eol=found.get("core.eol"),
        object_format=found.get("extensions.objectformat", "sha1"),
    )


def status_of(tree: WorkTree) -> Status:
    """One `git status`, and the index for what a status leaves out."""
    commit = branch = None
    modified: list[str] = []
    untracked: list[str] = []
    n_modified = 0
    entries = iter(tree.git.line(*STATUS).split("\0"))
    for entry in entries:
        kind = entry[:1]
        if entry.startswith("# branch.oid "):
            commit = None if entry.endswith("(initial)") else entry.split()[-1]
        elif entry.startswith("# branch.head "):
            branch = None if entry.endswith("(detached)") else entry.partition("head ")[2]
        elif kind in FIELDS_BEFORE_PATH:
            paths = [entry.split(" ", FIELDS_BEFORE_PATH[kind])[-1]]
            if kind == "2":
                paths.append(next(entries))  # a rename is followed by its old path
            modified += _code(paths)
            n_modified += bool(_code(paths))
        elif kind == "?":
            untracked.append(entry[2:])
    # A folder in the place of a tracked file is missing among the untracked ones.
    untracked += [f"{path}/" for path in modified if (tree.root / path).is_dir()]
    files, inner = _expanded(tree, _code(untracked))
    index = b"\0" + tree.git("ls-files", "-v", "-s", "-z")
    hidden, sparse, submodules = _unusual(tree, index)
    return Status(
        commit=commit,
        branch=branch,
        modified=tuple(modified),
        untracked=files,
        hidden=hidden,
        sparse=sparse,
        nested=tuple(sorted({*inner, *submodules})),
        has_attributes=ATTRIBUTES in index or (tree.common_folder / "info/attributes").exists(),
        n_modified=n_modified,
    )


def _code(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not STORE.match(path)]


def _expanded(tree: WorkTree, untracked: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Untracked files, folders taken apart, and untracked repositories."""
    folders = [path for path in untracked if path.endswith("/")]
    found = {path for path in untracked if not path.endswith("/")}
    if folders:
        literally = tree.git.having(GIT_LITERAL_PATHSPECS=1)
        words = ("ls-files", "-z", "--others", "--exclude-standard", "--", *folders)
        found |= {path for path in literally.line(*words).split("\0") if path}
    inner = {path.rstrip("/") for path in found if path.endswith("/")}
    return tuple(sorted(path for path in found if not path.endswith("/"))), tuple(sorted(inner))


def _unusual(
    tree: WorkTree, index: bytes
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Files that git was told not to look at, those a sparse checkout left out, submodules."""
    if not any(mark in index for mark in MARKS):  # the pattern takes 40 ms per 50,000 files
        return (), (), ()
    hidden, sparse, submodules = [], [], []
    for match in UNUSUAL.finditer(index):
        path = os.fsdecode(match["path"])
        if match["mark"] is None:
            submodules.append(path)
        elif match["mark"] != b"h" and not os.path.lexists(tree.root / path):
            sparse.append(path)
        else:
            hidden.append(path)
    here = (path for path in submodules if (tree.root / path / ".git").exists())
    return tuple(hidden), tuple(sparse), tuple(here)


def hidden_by_ignore(tree: WorkTree, files: Sequence[Path]) -> tuple[str, ...]:
    """Those files that git ignores, relative to the root."""
    names = as_input([file.relative_to(tree.root).as_posix() for file in files])
    try:
        listed = tree.git.line("check-ignore", "-z", "--stdin", stdin=names) if names else ""
    except GitFailed as error:
        if error.status != 1:  # git's way to say: none of them
            raise
        return ()
    return tuple(path for path in listed.split("\0") if path)


def converted(tree: WorkTree, settings: Settings) -> tuple[str, ...]:
    """Files that are not in the work tree as they are in the repository, or should not be."""
    entries = tree.git.line("ls-files", "--eol", "-z").split("\0")
    rows = (entry.partition("\t") for entry in entries if entry)
    return tuple(path for head, _, path in rows if _is_converted(head, settings))


def _is_converted(head: str, settings: Settings) -> bool:
    """What `git ls-files --eol` says: `i/lf w/crlf attr/text eol=crlf`."""
    stored, here, *attributes = head.split()
    if stored.removeprefix("i/") != here.removeprefix("w/"):
        return here != "w/"  # it is not there
    is_crlf = settings.autocrlf == "true" or settings.eol == "crlf" or "eol=crlf" in attributes
    return is_crlf and here == "w/lf"


def filtered(git: Git, paths: Collection[str]) -> dict[str, str]:
    """The paths that go through a filter, such as that of LFS, with its name."""
    listed = git.line("check-attr", "-z", "--stdin", "filter", stdin=as_input(paths)).split("\0")
    found = zip(listed[0::3], listed[2::3], strict=False)  # path, attribute, value
    return {path: name for path, name in found if name not in ("unspecified", "unset", "set")}


def as_input(paths: Collection[str]) -> bytes:
    """Paths as git reads them from its standard input under `-z`."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
