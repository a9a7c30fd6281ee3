"""The state of the code that ran."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Module(Part):
    """A file of the work tree that the run imported."""

    path: str  # relative to the repository root
    digest: str  # of the syntax tree: comments and layout do not count


class Code(Fact):
    """State of the git work tree when the run started."""

    IGNORED: ClassVar = (
        "code.argv",
        "code.branch",
        "code.changed_during_run",
        "code.commit",
        "code.entry_point",
        "code.is_dirty",
        "code.n_*",
        "code.patch*",
        "code.remote",
        "code.restore_verified",
        "code.skipped",
    )

    commit: str | None  # 40 hex digits; None: nothing was ever committed
    branch: str | None  # None: detached head
    remote: str | None  # URL without credentials
    tree: str | None  # git tree id of the work tree as it stood, ignored files left out
    is_dirty: bool
    n_modified: int  # tracked files that differ from `commit`, staged or not
    n_untracked: int
    patch: str | None = None  # artifact that turns `commit` into the tree; None: not captured
    patch_digest: str | None = None
    restore_verified: bool = False  # the patch was applied to `commit` and gave `tree`
    skipped: tuple[str, ...] = ()  # not kept: large untracked files, changed repositories inside
    entry_point: str | None = None
    argv: tuple[str, ...] = ()  # secrets masked
    modules: tuple[Module, ...] = ()
    changed_during_run: tuple[str, ...] = ()  # files whose content differs at the end


EXAMPLE = Code(
    commit="4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d",
    branch="main",
    remote="https://git.example/team/vision.git",
    tree="9d4c3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c",
    is_dirty=False,
    n_modified=0,
    n_untracked=0,
    restore_verified=True,
    entry_point="train.py",
    argv=("train.py", "--epochs", "5"),
    modules=(Module(path="train.py", digest="blake3:aa"),),
)
