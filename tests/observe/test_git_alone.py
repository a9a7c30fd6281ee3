"""git is not led to another repository by the variables of a hook that runs the training."""

import os

import pytest
from repository import git_folder, restored, state_of, work_tree

pytestmark = pytest.mark.slow


@pytest.fixture
def hook(repository, monkeypatch):
    """The environment that `git commit -a` gives its hooks, in a work tree with changes."""
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(repository / ".git" / "objects"))
    monkeypatch.setenv("GIT_PREFIX", "")
    return repository


def without_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)


def test_a_capture_inside_a_hook_leaves_the_index_alone(hook, monkeypatch):
    before = git_folder(hook)
    state = state_of(hook)
    assert git_folder(hook) == before
    assert state.fact.restore_verified
    without_variables(monkeypatch)
    assert state_of(hook).fact.kept_tree == state.fact.kept_tree


def test_a_restore_inside_a_hook_leaves_the_index_alone(hook, tmp_path, monkeypatch):
    state = state_of(hook)
    before = git_folder(hook)
    assert restored(state, tmp_path / "again", hook).exit_code == 0
    assert git_folder(hook) == before
    without_variables(monkeypatch)
    assert work_tree(tmp_path / "again") == work_tree(hook)


def test_the_script_s_own_folder_says_which_repository_it_is_in(hook):
    assert state_of(hook / "pkg").root == hook
