"""`restore` gives back what ran, says what it could not, and leaves nothing half done."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from project import git
from related_repositories import pushed, shallow_clone_that_knows_no_remote, submodule_of
from repository import restored, state_of, work_tree
from worktrees import TOKEN, commit_all

from repro.audit.example import example_record
from repro.errors import CannotRestore, UsageError
from repro.facts.code import Code
from repro.facts.fact import Absent, Opaque
from repro.observe.code import CodeState
from repro.restore import restore

pytestmark = pytest.mark.slow  # dozens of git processes each


def without_bundle(state: CodeState, **changes: object) -> CodeState:
    fact = state.fact.but(bundle=None, bundle_digest=None, **changes)
    return replace(state, fact=fact)


def test_the_restored_repository_shows_the_same_changes_on_the_same_commit(repository, tmp_path):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "new.py").write_text("x = 1\n")
    state = state_of(repository)
    found = restored(state, tmp_path / "again")
    assert str(found) == f"{tmp_path / 'again'} holds the code that ran, byte for byte"
    fact = state_of(tmp_path / "again").fact
    for field in ("commit", "tree", "kept_tree", "n_modified", "n_untracked", "is_dirty"):
        assert getattr(fact, field) == getattr(state.fact, field)
    git(tmp_path / "again", "fsck", "--strict")


def test_a_folder_that_holds_something_is_left_alone(repository, tmp_path):
    state = state_of(repository)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        restored(state, tmp_path / "full")
    assert str(caught.value) == (
        f"{tmp_path / 'full'} is not empty. Name a folder that does not exist yet."
    )
    assert os.listdir(tmp_path / "full") == ["mine.txt"]


def test_an_empty_folder_will_do_and_is_empty_again_after_a_failure(repository, tmp_path):
    state = without_bundle(state_of(repository))
    (tmp_path / "here").mkdir()
    with pytest.raises(CannotRestore) as caught:
        restored(state, tmp_path / "here", tmp_path_as_repository(tmp_path))
    commit = state.fact.commit
    assert str(caught.value) == (
        f"commit {commit[:12]} is not in {tmp_path / 'other'}, "
        f"no bundle of it was kept, and no remote is known."
    )
    assert os.listdir(tmp_path / "here") == []
    assert restored(state, tmp_path / "here", repository).exit_code == 0


def tmp_path_as_repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "other")
    return tmp_path / "other"


def test_a_folder_that_was_absent_is_absent_after_a_failure(repository, tmp_path):
    with pytest.raises(CannotRestore):
        restored(without_bundle(state_of(repository)), tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_the_commit_comes_from_the_repository_around_the_working_directory(
    repository, tmp_path, monkeypatch
):
    state = without_bundle(state_of(repository))
    monkeypatch.chdir(repository / "pkg")
    assert restored(state, Path("../../again")).exit_code == 0
    assert work_tree(tmp_path / "again") == work_tree(repository)


def test_a_bare_repository_is_a_source(repository, tmp_path):
    state = without_bundle(state_of(repository), remote=None)
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    expected = work_tree(repository)
    shutil.rmtree(repository)
    assert restored(state, tmp_path / "again", tmp_path / "bare.git").exit_code == 0
    assert work_tree(tmp_path / "again") == expected


def test_a_source_that_is_no_repository_is_refused(repository, tmp_path):
    with pytest.raises(UsageError) as caught:
        restored(state_of(repository), tmp_path / "again", tmp_path)
    assert str(caught.value) == f"{tmp_path} is in no git repository."


def test_the_history_of_a_shallow_clone_that_knows_no_remote_ends_where_it_did(
    repository, tmp_path
):
    here = shallow_clone_that_knows_no_remote(repository)
    assert restored(state_of(here), tmp_path / "again").exit_code == 0
    assert git(tmp_path / "again", "log", "--format=%s") == git(here, "log", "--format=%s")


def test_a_server_that_hands_out_branches_only_is_asked_for_all_of_them(
    repository, tmp_path, monkeypatch
):
    first = state_of(repository)
    (repository / "train.py").write_text("lr = 0.2\n")
    commit_all(repository, "second")  # the first commit is no branch's end
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    old_server = f"ext::env -u GIT_PROTOCOL git-upload-pack {repository}"
    state = without_bundle(first, remote=old_server)
    assert restored(state, tmp_path / "again").exit_code == 0
    assert (tmp_path / "again" / "train.py").read_text() == "lr = 0.1\nepochs = 5\n"


def test_a_remote_that_is_gone_is_named(repository, tmp_path):
    state = state_of(pushed(repository))
    shutil.rmtree(tmp_path / "hub.git")
    with pytest.raises(CannotRestore) as caught:
        restored(state, tmp_path / "again")
    message = str(caught.value)
    assert f"and {tmp_path / 'hub.git'} does not give it: git fetch: " in message


def test_the_line_ends_of_this_machine_do_not_count(repository, tmp_path, monkeypatch):
    state = state_of(repository)
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    (tmp_path / "config").write_text(
        f"[core]\n\tautocrlf = true\n\teol = crlf\n\tattributesFile = {tmp_path / 'attributes'}\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert restored(state, tmp_path / "again").exit_code == 0
    assert work_tree(tmp_path / "again") == work_tree(repository)


def test_a_filter_that_is_missing_here_is_named(repository, tmp_path):
    git(repository, "config", "filter.rot.clean", "tr a-z b-za")
    git(repository, "config", "filter.rot.smudge", "tr b-za a-z")
    (repository / ".gitattributes").write_text("notes.txt filter=rot\n")
    commit_all(repository, "through a filter")
    found = restored(state_of(repository), tmp_path / "again")
    assert found.differs == ("this machine has no filter 'rot': notes.txt",)


def test_of_a_masked_patch_the_rest_is_restored_and_the_reason_is_said(repository, tmp_path):
    (repository / "train.py").write_text(f'token = "{TOKEN}"\n')
    (repository / "new.py").write_text("x = 1\n")
    found = restored(state_of(repository), tmp_path / "again")
    assert found.exit_code == 1
    assert found.differs[0] == "a secret was masked in the patch"
    assert str(found).startswith(f"{tmp_path / 'again'} is NOT exactly the code that ran:\n  a sec")
    assert (tmp_path / "again" / "new.py").read_text() == "x = 1\n"
    assert (tmp_path / "again" / "train.py").read_text() == 'token = "<redacted>"\n'


def test_where_a_secret_was_in_the_old_text_the_commit_alone_is_restored(repository, tmp_path):
    (repository / "train.py").write_text(f'token = "{TOKEN}"\n')
    commit_all(repository, "a secret")
    (repository / "train.py").write_text("token = None\n")
    found = restored(state_of(repository), tmp_path / "again", repository)
    assert "the patch does not apply; only the commit was restored" in found.differs
    assert TOKEN in (tmp_path / "again" / "train.py").read_text()


def test_a_patch_that_was_changed_afterwards_is_not_applied(repository, tmp_path):
    (repository / "train.py").write_text("lr = 0.2\n")
    state = state_of(repository)
    path = state.fact.patch
    with pytest.raises(CannotRestore) as caught:
        restored(replace(state, evidence={**state.evidence, path: b"other"}), tmp_path / "again")
    assert str(caught.value) == (
        f"run 4d6f4d6f: {path} is not what the record refers to: it was changed afterwards."
    )


def test_a_tree_that_is_not_the_recorded_one_is_said(repository, tmp_path):
    state = state_of(repository)
    wrong = replace(state, fact=state.fact.but(kept_tree="0" * 40))
    found = restored(wrong, tmp_path / "again")
    assert found.differs == (
        f"the tree is {state.fact.tree[:12]}, the one that ran was 000000000000",
    )


def test_submodules_come_from_those_of_the_source(repository, tmp_path):
    library = submodule_of(repository)
    (library / "lib.py").write_text("x = 2\n")
    commit_all(library, "local")
    state = state_of(repository)
    inner = [part.model_copy(update={"bundle": None}) for part in state.fact.submodules]
    state = replace(state, fact=state.fact.but(submodules=[part.model_dump() for part in inner]))
    with pytest.raises(CannotRestore):
        restored(state, tmp_path / "again")
    assert restored(state, tmp_path / "again", repository).exit_code == 0
    assert work_tree(tmp_path / "again") == work_tree(repository)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            Absent(reason="typed", kind="not_recorded"),
            "the code of run 4d6f4d6f is unknown: typed.",
        ),
        (Opaque(version=9, data={}), "run 4d6f4d6f was recorded by a newer version of repro."),
    ],
    ids=["absent", "newer"],
)
def test_a_run_that_does_not_know_its_code_cannot_be_restored(tmp_path, code, message):
    record = example_record()
    record = replace(record, facts={**record.facts, Code.key(): code})
    with pytest.raises(CannotRestore) as caught:
        restore(record, {}.__getitem__, tmp_path / "again")
    assert str(caught.value) == message
    assert not (tmp_path / "again").exists()
