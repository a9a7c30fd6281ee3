import importlib.util
import os
import sys
from pathlib import Path

import pytest
from project import git
from repository import git_folder, restored, work_tree

from repro.facts.fact import Absent
from repro.observe import code
from repro.observe.code import CodeState, at_end, at_start, source_digest

TOKEN = "ghp_" + "a1B2" * 9


def state_of(folder: Path) -> CodeState:
    state = at_start(folder)
    assert isinstance(state, CodeState), state
    return state


@pytest.fixture
def imported(repository, monkeypatch):
    """A module of the repository, imported for one test."""
    path = repository / "pkg" / "model.py"
    spec = importlib.util.spec_from_file_location("model_of_the_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "model_of_the_test", module)
    return path


def test_a_clean_tree_is_its_commit_and_needs_no_patch(repository):
    before = git_folder(repository)
    state = state_of(repository)
    assert git_folder(repository) == before
    fact = state.fact
    assert (fact.is_dirty, fact.n_modified, fact.n_untracked) == (False, 0, 0)
    assert (fact.patch, fact.patch_digest, state.evidence) == (None, None, {})
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
    patched = restored(repository, state.fact.commit, state.evidence[state.fact.patch], tmp_path / "clone")
    assert patched == work_tree(linked)
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
    monkeypatch.setattr(code, "GIT_SECONDS", 0.1)
    with pytest.raises(Exception, match="did not complete in"):
        at_start(repository)


def test_an_untracked_file_too_large_to_keep_is_named_and_nothing_is_called_restorable(
    repository, monkeypatch
):
    monkeypatch.setattr(code, "UNTRACKED_BYTES", 100)
    (repository / "large.bin").write_bytes(b"0" * 101)
    (repository / "small.py").write_text("x = 1\n")
    state = state_of(repository)
    assert state.fact.skipped == ("large.bin",)
    assert not state.fact.restore_verified
    assert b"small.py" in state.evidence[state.fact.patch]
    assert b"large.bin" not in state.evidence[state.fact.patch]


@pytest.mark.slow
def test_a_repository_inside_the_repository_is_named_and_not_called_restorable(repository):
    inner = repository / "third_party"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "lib.py").write_text("x = 1\n")
    fact = state_of(repository).fact
    assert (fact.is_dirty, fact.skipped) == (True, ("third_party/",))
    assert not fact.restore_verified


@pytest.mark.slow
def test_a_submodule_whose_files_differ_is_named_and_not_called_restorable(repository, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "lib.py").write_text("x = 1\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "library")
    allow = ("-c", "protocol.file.allow=always")
    git(repository, *allow, "submodule", "--quiet", "add", str(library), "lib")
    git(repository, "commit", "-q", "-m", "with a submodule")
    clean = state_of(repository).fact
    assert (clean.is_dirty, clean.skipped, clean.restore_verified) == (False, (), True)
    (repository / "lib" / "lib.py").write_text("x = 2\n")
    dirty = state_of(repository).fact
    assert (dirty.is_dirty, dirty.skipped, dirty.restore_verified) == (True, ("lib",), False)


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


def test_imported_files_of_the_repository_are_listed_by_the_digest_of_their_syntax(
    repository, imported
):
    (module,) = state_of(repository).fact.modules
    assert module.path == "pkg/model.py"
    assert module.digest == source_digest(imported.read_bytes())


def test_a_module_of_a_virtual_environment_inside_the_repository_is_not_listed(
    repository, imported, monkeypatch
):
    path = repository / "env" / "lib" / "site-packages" / "other.py"
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\n")
    module = type(sys)("other_of_the_test")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "other_of_the_test", module)
    assert [module.path for module in state_of(repository).fact.modules] == ["pkg/model.py"]


@pytest.mark.parametrize(
    ("source", "is_same"),
    [
        ("x = 1  # one\n\n\ndef f( a ):\n  return a", True),
        ("x = 2\ndef f(a):\n    return a\n", False),
        ("x = 1\ndef f(a):\n    'Now with a docstring.'\n    return a\n", False),
    ],
)
def test_comments_and_layout_do_not_count_and_everything_else_does(source, is_same):
    reference = source_digest("x = 1\ndef f(a):\n    return a\n")
    assert (source_digest(source) == reference) == is_same


@pytest.mark.parametrize(
    "source",
    ["def f(:\n", "x = '\0'\n", "x = " + "+".join(["1"] * 20_000), "x = " + "(" * 500 + ")" * 500],
    ids=["syntax", "null", "long sum", "brackets"],
)
def test_source_that_python_cannot_take_apart_is_digested_by_its_bytes(source):
    assert source_digest(source) == source_digest(source.encode())
    assert source_digest(source) != source_digest(source + " ")


def test_a_file_that_is_edited_while_the_run_lasts_is_named(repository, imported):
    state = state_of(repository)
    assert at_end(state).changed_during_run == ()
    imported.write_text(imported.read_text() + "# only a comment\n")
    assert at_end(state).changed_during_run == ("pkg/model.py",)
    imported.unlink()
    assert at_end(state).changed_during_run == ("pkg/model.py",)


def test_what_is_imported_later_is_listed_too_and_the_digest_of_the_start_stays(
    repository, imported, monkeypatch
):
    state = state_of(repository)
    imported.write_text("width = 64\n")
    module = type(sys)("late_of_the_test")
    module.__file__ = str(repository / "train.py")
    monkeypatch.setitem(sys.modules, "late_of_the_test", module)
    end = at_end(state)
    assert [module.path for module in end.modules] == ["pkg/model.py", "train.py"]
    assert end.modules[0] == state.fact.modules[0]
