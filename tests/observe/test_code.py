import os
import sys

import pytest
from project import git
from repository import git_folder, restored, state_of, work_tree

from repro.facts.fact import Absent
from repro.observe import git as git_runner
from repro.observe import worktree
from repro.observe.code import at_start

TOKEN = "ghp_" + "a1B2" * 9


def test_a_clean_tree_is_its_commit_and_needs_no_patch(repository):
    before = git_folder(repository)
    state = state_of(repository)
    assert git_folder(repository) == before
    fact = state.fact
    assert (fact.is_dirty, fact.n_modified, fact.n_untracked) == (False, 0, 0)
    assert (fact.patch, fact.patch_digest) == (None, None)
    assert fact.commit == git(repository, "rev-parse", "HEAD")
    assert fact.tree == git(repository, "rev-parse", "HEAD^{tree}")
    assert (fact.branch, fact.restore_verified) == ("main", True)


def test_the_tree_is_the_one_that_git_would_commit(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    tree = state_of(repository).fact.tree
    git(repository, "add", "-A")
    assert tree == git(repository, "write-tree")


def test_modified_and_untracked_files_are_counted_a_rename_once(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    git(repository, "mv", "pkg/model.py", "pkg/network.py")
    (repository / "a.py").write_text("")
    (repository / "b.py").write_text("")
    fact = state_of(repository).fact
    assert (fact.n_modified, fact.n_untracked) == (2, 2)


def test_the_store_inside_the_tree_is_no_code(repository):
    for name in ("mlruns/mlflow.db", "mlartifacts/x", "mlflow.db", "mlflow.db-wal"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("store")
    assert not state_of(repository).fact.is_dirty


def test_a_detached_head_has_no_branch(repository):
    git(repository, "checkout", "-q", "--detach")
    assert state_of(repository).fact.branch is None


def test_an_empty_repository_has_no_commit_and_no_tree(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    fact = state_of(tmp_path).fact
    assert (fact.commit, fact.tree, fact.branch) == (None, None, "main")
    assert (fact.is_dirty, fact.restore_verified) == (False, True)


@pytest.mark.slow
def test_from_a_subfolder_the_whole_repository_is_seen(repository, monkeypatch):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    from_root = state_of(repository)
    monkeypatch.chdir(repository / "pkg")
    from_below = state_of(repository / "pkg")
    assert from_below.fact == from_root.fact
    assert from_below.root == repository


@pytest.mark.slow
def test_a_linked_work_tree_is_seen_for_itself(repository, tmp_path):
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "train.py").write_text("lr = 0.2\n")
    before = git_folder(repository)
    state = state_of(linked)
    assert git_folder(repository) == before
    assert (state.fact.branch, state.fact.restore_verified) == ("side", True)
    assert restored(state, tmp_path / "again", repository).exit_code == 0
    assert work_tree(tmp_path / "again") == work_tree(linked)
    assert not state_of(repository).fact.is_dirty


def test_a_folder_without_git_says_what_to_do(tmp_path):
    assert at_start(tmp_path) == Absent(
        reason=f"{tmp_path} is in no git repository; `git init`, commit, and run again",
        kind="not_recorded",
    )


def test_a_bare_repository_has_no_code(tmp_path):
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    folder = tmp_path / "bare.git"
    assert at_start(folder) == Absent(
        reason=f"{folder} is in a bare repository", kind="not_recorded"
    )


def test_a_repository_of_another_user_is_never_called_clean(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(Exception, match="dubious ownership"):
        at_start(repository)


def test_a_git_that_hangs_is_never_called_clean(repository, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_runner, "GIT_SECONDS", 0.1)
    with pytest.raises(Exception, match="did not complete in"):
        at_start(repository)


def test_an_untracked_file_too_large_to_keep_is_named_and_nothing_is_called_restorable(
    repository, monkeypatch
):
    monkeypatch.setattr(worktree, "UNTRACKED_BYTES", 100)
    (repository / "large.bin").write_bytes(b"0" * 101)
    (repository / "small.py").write_text("x = 1\n")
    state = state_of(repository)
    assert state.fact.skipped == ("large.bin",)
    assert not state.fact.restore_verified
    assert b"small.py" in state.evidence[state.fact.patch]
    assert b"large.bin" not in state.evidence[state.fact.patch]


def test_a_patch_in_which_a_secret_was_masked_is_not_called_restorable(repository):
    (repository / "train.py").write_text(f"token = '{TOKEN}'\n")
    state = state_of(repository)
    assert TOKEN.encode() not in state.evidence[state.fact.patch]
    assert b"+token = '<redacted>'" in state.evidence[state.fact.patch]
    assert not state.fact.restore_verified


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@git.example/team.git", "https://git.example/team.git"),
        (f"https://{TOKEN}@git.example/team.git", "https://git.example/team.git"),
        (f"https://me@git.example/{TOKEN}.git", "https://git.example/<redacted>.git"),
        ("git@git.example:team.git", "git@git.example:team.git"),
        ("../team.git", "../team.git"),
    ],
)
def test_the_remote_is_kept_without_credentials(repository, url, shown):
    git(repository, "remote", "add", "origin", url)
    assert state_of(repository).fact.remote == shown


def test_arguments_that_are_no_utf_8_do_not_cost_the_whole_fact(repository, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", os.fsdecode(b"caf\xe9")])
    assert state_of(repository).fact.argv == ("train.py", "caf\\udce9")
