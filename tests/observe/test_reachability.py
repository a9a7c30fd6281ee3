"""Whether a commit was pushed, looked up in real repositories."""

from pathlib import Path

import pytest
from project import git
from related_repositories import pushed, shallow_clone
from worktrees import commit_all, edited

from repro.audit.example import example_record
from repro.facts.code import EXAMPLE as CODE
from repro.facts.fact import Absent
from repro.facts.reachability import Reachability
from repro.observe.reachability import at_judgement

pytestmark = pytest.mark.slow  # a dozen git processes each


def look(folder: Path, commit: str | None = None) -> Reachability:
    [found] = at_judgement([example_record(CODE.but(commit=commit or head(folder)))], folder)
    assert isinstance(found, Reachability), found
    return found


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_of_a_clone_is_on_a_branch_of_its_remote(repository):
    here = pushed(repository)
    found = look(here)
    assert "refs/remotes/origin/main" in found.refs
    assert (found.is_here, found.is_in_head, found.has_remote, found.is_shallow) == (
        *(True, True, True),
        False,
    )


def test_a_commit_is_unreachable_until_it_is_pushed(repository):
    here = pushed(repository)
    edited(here)
    commit_all(here, "local")
    found = look(here)
    assert (found.refs, found.is_here, found.is_in_head) == ((), True, True)
    git(here, "push", "-q", "origin", "main")
    assert look(here).refs == ("refs/remotes/origin/HEAD", "refs/remotes/origin/main")


def test_work_that_was_not_pushed_is_not_in_the_clone_of_ci(repository):
    here = pushed(repository)
    edited(here)
    commit_all(here, "local")
    git(here.parent, "clone", "-q", str(here.parent / "hub.git"), "ci")
    found = look(here.parent / "ci", head(here))
    assert (found.refs, found.is_here, found.is_in_head) == ((), False, False)


def test_a_commit_that_was_replaced_is_no_longer_reachable(repository):
    here = pushed(repository)
    edited(here)
    commit_all(here, "first try")
    before = head(here)
    git(here, "commit", "-q", "--amend", "-m", "second try")
    git(here, "push", "-q", "origin", "main")
    found = look(here, before)
    assert (found.refs, found.is_here, found.is_in_head) == ((), True, False)


def test_a_tag_reaches_it_and_a_repository_without_a_remote_says_so(repository):
    assert (look(repository).refs, look(repository).has_remote) == ((), False)
    git(repository, "tag", "v1")
    assert look(repository).refs == ("refs/tags/v1",)


def test_a_shallow_clone_says_that_it_is_one(repository):
    first = head(repository)
    found = look(shallow_clone(repository), first)
    assert (found.is_here, found.is_shallow, found.refs) == (False, True, ())


def test_without_a_clone_or_a_recorded_commit_it_says_why(repository, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    [found] = at_judgement([example_record()], outside)
    assert isinstance(found, Absent)
    assert found.reason.startswith(f"{outside} is no clone to look it up in: ")
    nowhere = Absent(reason="no repository", kind="not_recorded")
    assert at_judgement([example_record(code=nowhere)], repository) == [nowhere]
    [found] = at_judgement([example_record(CODE.but(commit=None))], repository)
    assert found == Reachability(commit=None, is_here=False, has_remote=False)
