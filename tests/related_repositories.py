"""Repositories that belong together: clones, linked work trees, submodules."""

from pathlib import Path

from project import git
from worktrees import commit_all, edited


def pushed(root: Path) -> Path:
    """A clone of a repository that others can reach."""
    hub = root.parent / "hub.git"
    if not hub.exists():
        git(root.parent, "clone", "-q", "--bare", str(root), str(hub))
    here = root.parent / "clone"
    git(root.parent, "clone", "-q", str(hub), str(here))
    return here


def clone(root: Path) -> Path:
    here = pushed(root)
    edited(here)
    return here


def clone_with_local_commits(root: Path) -> Path:
    here = pushed(root)
    edited(here)
    commit_all(here, "local")
    (here / "train.py").write_text("lr = 0.3\n")
    return here


def shallow_clone(root: Path) -> Path:
    edited(root)
    commit_all(root, "second")
    git(root.parent, "clone", "-q", "--depth=1", root.as_uri(), "shallow")
    here = root.parent / "shallow"
    (here / "train.py").write_text("lr = 0.3\n")
    return here


def shallow_clone_that_knows_no_remote(root: Path) -> Path:
    here = shallow_clone(root)
    git(here, "remote", "remove", "origin")
    return here


def linked_work_tree(root: Path) -> Path:
    git(root, "worktree", "add", "-q", "-b", "side", str(root.parent / "linked"))
    edited(root.parent / "linked")
    return root.parent / "linked"


def submodule_of(root: Path, name: str = "lib") -> Path:
    """A submodule, committed; its own repository is beside the outer one."""
    origin = root.parent / f"{name}-origin"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    (origin / "lib.py").write_text("x = 1\n")
    commit_all(origin, "library")
    allow = ("-c", "protocol.file.allow=always")
    git(root, *allow, "submodule", "--quiet", "add", str(origin), name)
    git(root, "commit", "-q", "-m", "with a submodule")
    return root / name


def clean_submodule(root: Path) -> None:
    submodule_of(root)


def dirty_submodule(root: Path) -> None:
    (submodule_of(root) / "lib.py").write_text("x = 2\n")


def untracked_file_inside_a_submodule(root: Path) -> None:
    (submodule_of(root) / "new.py").write_text("x = 2\n")


def local_commit_inside_a_submodule(root: Path) -> None:
    library = submodule_of(root)
    (library / "lib.py").write_text("x = 2\n")
    commit_all(library, "local")
    (library / "lib.py").write_text("x = 3\n")


def submodule_of_a_submodule(root: Path) -> None:
    inner = submodule_of(submodule_of(root), "deep")
    (inner / "lib.py").write_text("x = 9\n")


def submodule_never_checked_out(root: Path) -> Path:
    submodule_of(root)
    here = pushed(root)
    edited(here)
    return here


def submodule_that_git_cannot_read(root: Path) -> None:
    (submodule_of(root) / ".git").write_text("gitdir: ../nowhere\n")


def untracked_repository_inside(root: Path) -> None:
    inner = root / "third_party"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "lib.py").write_text("x = 1\n")
    commit_all(inner, "inner")
    (inner / "lib.py").write_text("x = 2\n")
