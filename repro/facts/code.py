"""The state of the code that ran."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part


class Module(Part):
    """A file of the work tree that the run imported."""

    path: str  # relative to the repository root
    digest: str  # of the syntax tree: comments and layout do not count


class Source(Part):
    """A file of `modules` as a refactoring keeps it."""

    path: str
    digest: str  # without names of local variables, and of the own files it imports from
    imports: tuple[str, ...] = ()  # those files, in the order of the syntax tree


class Repository(Part):
    """A repository inside the work tree: a submodule at any depth, or one that nobody declared."""

    path: str  # relative to the root of the outermost one
    commit: str | None
    remote: str | None
    tree: str | None  # as in `Code`, and so is every other field
    kept_tree: str | None
    patch: str | None = None
    patch_digest: str | None = None
    bundle: str | None = None
    bundle_digest: str | None = None
    autocrlf: str | None = None
    eol: str | None = None
    restore_verified: bool = False
    not_restorable: str | None = None


class Code(Fact):
    """State of the git work tree when the run started."""

    VERSION: ClassVar = 4
    IGNORED: ClassVar = (
        "code.argv",
        "code.autocrlf",
        "code.branch",
        "code.bundle*",
        "code.changed_during_run",
        "code.commit",
        "code.created_during_run",
        "code.entry_point",
        "code.eol",
        "code.is_dirty",
        "code.kept_tree",
        "code.n_*",
        "code.not_restorable",
        "code.patch*",
        "code.remote",
        "code.restore_verified",
        "code.skipped",
        "code.sources*",
        "code.submodules.*.autocrlf",
        "code.submodules.*.bundle*",
        "code.submodules.*.commit",
        "code.submodules.*.eol",
        "code.submodules.*.kept_tree",
        "code.submodules.*.not_restorable",
        "code.submodules.*.patch*",
        "code.submodules.*.remote",
        "code.submodules.*.restore_verified",
        "code.tree_at_end",
        "code.unkept",
    )

    commit: str | None  # 40 hex digits; None: nothing was ever committed
    branch: str | None  # None: detached head
    remote: str | None  # URL without credentials
    tree: str | None  # git tree id of the work tree as it stood, ignored files left out
    is_dirty: bool
    n_modified: int  # tracked files that differ from `commit`, staged or not
    n_untracked: int
    kept_tree: str | None = None  # what can be restored: `tree` and imported files that git ignores
    patch: str | None = None  # artifact that turns `commit` into `kept_tree`; None: not captured
    patch_digest: str | None = None
    bundle: str | None = (
        None  # artifact with the commits that no remote has; None: none, or not kept
    )
    bundle_digest: str | None = None
    autocrlf: str | None = None  # git's core.autocrlf and core.eol: how a checkout ends its lines
    eol: str | None = None
    restore_verified: bool = False  # a checkout of commit and patch gave these bytes and modes
    not_restorable: str | None = None  # why `restore_verified` is false
    submodules: tuple[Repository, ...] = ()
    skipped: tuple[str, ...] = ()  # untracked files that are too large to keep
    entry_point: str | None = None
    argv: tuple[str, ...] = ()  # secrets masked
    modules: tuple[Module, ...] = ()
    sources: tuple[Source, ...] = ()  # of the same files; none: version 3
    tree_at_end: str | None = None
    changed_during_run: tuple[str, ...] = ()  # files there at the start whose content differs
    created_during_run: tuple[str, ...] = ()  # files that were not there; those ignored left out
    unkept: tuple[str, ...] | None = None  # imported, in no commit and no patch; None: version 2

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Since 2 there are submodules and a reason, since 3 `unkept`, since 4 `sources`."""
        if version >= 2:
            return data
        reason = None if data["restore_verified"] else "recorded before reasons were"
        return {**data, "kept_tree": data["tree"], "not_restorable": reason}


EXAMPLE = Code(
    commit="4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d",
    branch="main",
    remote="https://git.example/team/vision.git",
    tree="9d4c3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c",
    is_dirty=False,
    n_modified=0,
    n_untracked=0,
    kept_tree="9d4c3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c",
    restore_verified=True,
    entry_point="train.py",
    argv=("train.py", "--epochs", "5"),
    modules=(Module(path="train.py", digest="blake3:aa"),),
    tree_at_end="9d4c3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c",
    unkept=(),
)
