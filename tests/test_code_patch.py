"""The patch between the trees that two runs ran."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from project import git
from related_repositories import pushed, submodule_of
from repository import state_of
from worktrees import TOKEN, commit_all

from repro.audit.example import example_record
from repro.audit.run_diff import ChangedFile
from repro.code_patch import CodePatch, Side, code_patch
from repro.facts.fact import Absent

pytestmark = pytest.mark.slow  # dozens of git processes each


def side_of(root: Path, run_id: str = "a" * 32) -> Side:
    state = state_of(root)
    record = replace(example_record(state.fact), run_id=run_id)
    return Side(record, state.evidence.__getitem__)


def patch_of(left: Side, right: Side, repository: Path | None) -> CodePatch:
    found = code_patch(left, right, repository)
    assert isinstance(found, CodePatch), found
    return found


def test_two_dirty_trees_on_two_commits_are_compared_as_they_ran(repository):
    (repository / "train.py").write_text("lr = 0.2\nepochs = 5\n")
    left = side_of(repository)
    git(repository, "checkout", "-q", "--", "train.py")
    (repository / "notes.txt").write_text("changed and committed")
    commit_all(repository, "second")
    (repository / "train.py").write_text("lr = 0.3\nepochs = 5\n")
    (repository / "more.bin").write_bytes(b"\0\1")
    found = patch_of(left, side_of(repository), repository)
    assert found.files == (
        ChangedFile("more.bin", None, None),
        ChangedFile("notes.txt", 1, 1),
        ChangedFile("train.py", 1, 1),
    )
    assert "-lr = 0.2\n+lr = 0.3\n epochs = 5\n" in found.text


def test_equal_trees_of_different_commits_have_an_empty_patch(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    left = side_of(repository)
    commit_all(repository, "second")
    assert patch_of(left, side_of(repository), repository) == CodePatch("", ())


def test_without_a_repository_the_bundles_do(repository):
    left = side_of(repository)
    (repository / "train.py").write_text("lr = 0.2\n")
    found = patch_of(left, side_of(repository), None)
    assert found.files == (ChangedFile("train.py", 1, 2),)


def test_files_of_a_submodule_of_a_submodule_are_compared_too(repository):
    deep = submodule_of(submodule_of(repository), "deep")
    left = side_of(repository)
    (deep / "lib.py").write_text("x = 2\n")
    found = patch_of(left, side_of(repository), repository)
    assert found.files == (ChangedFile("lib/deep/lib.py", 1, 1),)
    assert "+++ b/lib/deep/lib.py" in found.text


def test_a_repository_that_only_one_side_holds_is_all_new(repository):
    left = side_of(repository)
    shutil.copytree(repository, repository / "inner", ignore=lambda *_: ["inner"])
    files = patch_of(left, side_of(repository), repository).files
    assert ChangedFile("inner/train.py", 2, 0) in files


def test_a_repository_that_only_one_side_holds_inside_a_submodule_leaves_the_rest_equal(repository):
    library = submodule_of(repository)
    left = side_of(repository)
    git(library, "init", "-q", "inner")
    (library / "inner" / "new.py").write_text("x = 1\n")
    found = patch_of(left, side_of(repository), repository)
    assert found.files == (ChangedFile("lib/inner/new.py", 1, 0),)


def test_a_commit_that_is_nowhere_is_named(repository):
    here = pushed(repository)
    left = side_of(here)
    commit = git(here, "rev-parse", "HEAD")
    assert code_patch(left, left, None) == Absent(
        reason=f"commit {commit[:12]} of run aaaaaaaa is not in this repository", kind="failed"
    )


def test_a_patch_in_which_a_secret_was_masked_gives_no_tree(repository):
    (repository / "train.py").write_text(f'token = "{TOKEN}"\n')
    left = side_of(repository)
    assert code_patch(left, left, repository) == Absent(
        reason="the tree of run aaaaaaaa cannot be rebuilt: a secret was masked in the patch",
        kind="failed",
    )


def test_a_secret_that_a_commit_brought_is_not_shown(repository):
    left = side_of(repository)
    (repository / "train.py").write_text(f'token = "{TOKEN}"\n')
    commit_all(repository, "second")
    text = patch_of(left, side_of(repository), repository).text
    assert TOKEN not in text
    assert "<redacted>" in text


def test_an_artifact_that_was_changed_is_not_believed(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    left = side_of(repository)
    changed = Side(left.record, lambda path: left.artifact(path) + b"\n")
    found = code_patch(left, changed, repository)
    assert isinstance(found, Absent)
    assert found.reason.endswith(
        ".patch is not what the record refers to: it was changed afterwards."
    )


def test_a_run_without_code_is_named():
    side = Side(example_record(code=Absent(reason="typed", kind="not_recorded")), {}.__getitem__)
    found = code_patch(side, side, None)
    assert isinstance(found, Absent)
    assert found.reason.endswith("is unknown: typed")
