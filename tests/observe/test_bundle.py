"""Commits that no remote has are kept, unless they are too many or hold a secret."""

import pytest
from project import git
from related_repositories import pushed
from repository import state_of
from worktrees import TOKEN, commit_all

from repro.observe import bundle
from repro.observe.bundle import _Search, prerequisites, unpushed
from repro.observe.git import work_tree_around

pytestmark = pytest.mark.slow


def kept(root):
    return unpushed(work_tree_around(root), git(root, "rev-parse", "HEAD"))


def test_what_a_remote_has_is_not_bundled(repository):
    assert kept(pushed(repository)) == bundle.Unpushed()


def test_only_what_the_remote_lacks_is_bundled(repository):
    here = pushed(repository)
    first = git(here, "rev-parse", "HEAD")
    (here / "train.py").write_text("lr = 0.2\n")
    commit_all(here, "local")
    assert prerequisites(kept(here).bundle) == (first,)
    assert prerequisites(kept(repository).bundle) == ()


def test_the_same_commits_give_the_same_bundle(repository):
    first = kept(repository).bundle
    unpushed.cache_clear()
    assert kept(repository).bundle == first


def test_the_runs_of_one_process_share_a_bundle(repository):
    assert kept(repository).bundle is kept(repository).bundle


@pytest.mark.parametrize("where", ["message", "content", "merge", "name"])
def test_a_secret_anywhere_in_the_history_keeps_it_out(repository, where):
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "side.py").write_text("x = 1\n")
    commit_all(repository, TOKEN if where == "message" else "side")
    git(repository, "checkout", "-q", "main")
    if where == "content":
        (repository / "train.py").write_text(f'token = "{TOKEN}"\n')
        commit_all(repository, "a secret")
        (repository / "train.py").write_text("token = None\n")
    commit_all(repository, "no secret") if where == "content" else None
    git(repository, "merge", "-q", "--no-ff", "--no-commit", "side")
    if where == "merge":
        (repository / "side.py").write_text(f'token = "{TOKEN}"\n')
    author = TOKEN if where == "name" else "Me"
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "merge", "--author", f"{author} <me@localhost>")
    commit = git(repository, "rev-parse", "HEAD")
    assert kept(repository) == bundle.Unpushed(
        reason=f"commit {commit[:8]} is on no remote and its history holds a secret"
    )


@pytest.mark.parametrize("mark", ["*.ipynb -diff\n", "*.ipynb binary\n", None])
def test_what_git_takes_for_binary_is_searched_too(repository, mark):
    if mark:
        (repository / ".gitattributes").write_text(mark)
    content = f'token = "{TOKEN}"\n'.encode()
    (repository / "notes.ipynb").write_bytes(content if mark else b"\0" + content)
    commit_all(repository, "a notebook")
    assert kept(repository).reason.endswith("is on no remote and its history holds a secret")


def test_a_secret_across_the_pieces_of_a_long_history_is_found(monkeypatch):
    monkeypatch.setattr(bundle, "PIECE_BYTES", 400)
    monkeypatch.setattr(bundle, "OVERLAP", 100)
    for start in range(340, 420):
        search = _Search()
        for piece in (b" " * start, TOKEN.encode(), b" " * 900, b"\ndiff --git a/x b/x\n"):
            search.write(piece)
        assert search.has_found(), start


def test_a_history_that_is_too_large_is_not_kept_and_says_so(repository, monkeypatch):
    monkeypatch.setattr(bundle, "BUNDLE_BYTES", 2**20)
    (repository / "noise.bin").write_bytes(__import__("random").Random(0).randbytes(2**20 + 1))
    commit_all(repository, "large")
    fact = state_of(repository).fact
    assert fact.not_restorable == (
        f"commit {fact.commit[:8]} is on no remote and its bundle is over 1 MB"
    )
    assert (fact.bundle, fact.restore_verified) == (None, False)
