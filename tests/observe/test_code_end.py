"""What happens to the code while the run lasts."""

from pathlib import Path

import pytest
from project import git
from related_repositories import submodule_of
from repository import git_folder, restored, state_of, work_tree
from worktrees import commit_all

from repro.facts.code import Code
from repro.observe.code import CodeState, at_end

pytestmark = pytest.mark.slow  # dozens of git processes each


def meanwhile(state: CodeState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    end = at_end(state)
    return end.changed_during_run, end.created_during_run


def test_nothing_happened_to_a_clean_tree(repository):
    state = state_of(repository)
    before = git_folder(repository)
    end = at_end(state)
    assert (end.changed_during_run, end.created_during_run) == ((), ())
    assert end.tree_at_end == state.fact.tree
    assert git_folder(repository) == before


def test_nothing_happened_to_a_dirty_tree(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    state = state_of(repository)
    assert meanwhile(state) == ((), ())
    assert at_end(state).tree_at_end == state.fact.tree


def test_edited_deleted_and_created_files_are_told_apart(repository):
    (repository / "new.py").write_text("x = 1\n")
    (repository / "gone.py").write_text("x = 1\n")
    (repository / "notes.txt").unlink()
    state = state_of(repository)
    (repository / "new.py").write_text("x = 2\n")
    (repository / "gone.py").unlink()
    (repository / "train.py").write_text("# only a comment\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "pkg" / "model.py").unlink()
    (repository / "notes.txt").write_text("there again")
    (repository / "weights.pt").write_bytes(b"\0")
    assert meanwhile(state) == (
        ("gone.py", "new.py", "pkg/model.py", "run.sh", "train.py"),
        ("notes.txt", "weights.pt"),
    )
    assert at_end(state).tree_at_end != state.fact.tree


def test_a_file_that_was_undone_to_its_commit_has_changed(repository):
    before = (repository / "train.py").read_text()
    (repository / "train.py").write_text("lr = 0.2\n")
    state = state_of(repository)
    (repository / "train.py").write_text(before)
    assert meanwhile(state) == (("train.py",), ())


def test_a_commit_made_meanwhile_changes_no_file(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    state = state_of(repository)
    commit_all(repository, "while it ran")
    assert meanwhile(state) == ((), ())


def test_another_branch_checked_out_meanwhile_shows_every_file_that_differs(repository):
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "train.py").write_text("lr = 0.2\n")
    commit_all(repository, "other")
    git(repository, "checkout", "-q", "main")
    state = state_of(repository)
    git(repository, "checkout", "-q", "other")
    assert meanwhile(state) == (("train.py",), ())


def test_files_of_submodules_count_by_their_whole_path(repository):
    library = submodule_of(repository)
    state = state_of(repository)
    (library / "lib.py").write_text("x = 2\n")
    (library / "new.py").write_text("x = 2\n")
    assert meanwhile(state) == (("lib/lib.py",), ("lib/new.py",))


def test_a_name_that_is_no_utf_8_is_spelled_out(repository):
    state = state_of(repository)
    (repository / "caf\udce9.py").write_text("x = 1\n")
    assert meanwhile(state) == ((), ("caf\\udce9.py",))


def test_an_imported_file_that_git_ignores_is_kept_and_restored(repository, imports, tmp_path):
    for name in ("_version.py", "native.so", "never_imported.py"):
        (repository / "ignored").mkdir(exist_ok=True)
        (repository / "ignored" / name).write_text("x = 1\n")
    imports(repository / "ignored" / "_version.py")
    imports(repository / "ignored" / "native.so")
    state = state_of(repository)
    assert (state.fact.is_dirty, state.fact.restore_verified) == (False, True)
    assert state.fact.tree == git(repository, "rev-parse", "HEAD^{tree}")
    assert restored(state, tmp_path / "again").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "again" / "ignored").iterdir()) == [
        "_version.py",
        "native.so",
    ]
    assert meanwhile(state) == ((), ())
    (repository / "ignored" / "_version.py").write_text("x = 2\n")
    assert meanwhile(state) == (("ignored/_version.py",), ())


def test_an_ignored_file_imported_inside_a_submodule_belongs_to_the_submodule(
    repository, imports, tmp_path
):
    library = submodule_of(repository)
    (library / ".gitignore").write_text("made.py\n")
    (library / "made.py").write_text("x = 1\n")
    imports(library / "made.py")
    state = state_of(repository)
    assert state.fact.restore_verified
    assert restored(state, tmp_path / "again").exit_code == 0
    assert (tmp_path / "again" / "lib" / "made.py").read_text() == "x = 1\n"
    assert work_tree(tmp_path / "again") == work_tree(repository)


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [("pkg/model.py", True), ("train.py", False), ("made.py", False), ("ignored/a.py", False)],
    ids=["unchanged", "changed", "created", "ignored"],
)
def test_what_is_imported_later_is_kept_only_if_it_was_there_as_it_is(
    repository, imports, name, is_kept
):
    (repository / "ignored").mkdir()
    (repository / "ignored" / "a.py").write_text("x = 1\n")
    state = state_of(repository)
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "made.py").write_text("x = 1\n")
    imports(repository / name)
    end: Code = at_end(state)
    assert [module.path for module in end.modules] == [name]
    reason = f"imported later, from files that were not kept: {name}"
    assert end.not_restorable == (None if is_kept else reason)
    assert (end.restore_verified, end.unkept) == (is_kept, () if is_kept else (name,))


def test_the_digest_of_a_module_is_that_of_the_start(repository, imports):
    path: Path = repository / "pkg" / "model.py"
    imports(path)
    state = state_of(repository)
    before = at_end(state).modules
    path.write_text("width = 64\n")
    assert at_end(state).modules == before
