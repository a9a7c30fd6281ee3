"""Since when a claim names its seeds, by the history of its file."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repro.claims import EXAMPLE
from repro.observe.declared import declared

CLAIM = EXAMPLE.model_copy(update={"seeds": (0, 1)})
TABLE = '[[claim]]\nname = "{name}"\ncandidate = "{candidate}"\n{more}\n'
NAMED = {"name": CLAIM.name, "candidate": CLAIM.candidate}


def table(more: str = "seeds = [1, 0]", **changes: str) -> str:
    return TABLE.format(**{**NAMED, **changes}, more=more)


def git(folder: Path, *words: str, hour: int = 0) -> str:
    at = f"2026-11-01T{hour:02}:00:00+0000"
    variables = {"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at}
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    found = subprocess.run(
        ("git", *identity, *words),
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path / "repro.toml"


def commit(file: Path, text: str, hour: int) -> None:
    file.write_text(text)
    git(file.parent, "add", "-A")
    git(file.parent, "commit", "-q", "--allow-empty", "-m", "change", hour=hour)


def since(file: Path) -> int | None:
    """The hour of that day; of another day 24."""
    found = declared(file, CLAIM)
    if found is None:
        return None
    return found.at.hour if found.at.date() == datetime(2026, 11, 1, tzinfo=UTC).date() else 24


def test_seeds_are_declared_since_the_first_commit_from_which_on_they_stand_there(
    file: Path,
) -> None:
    commit(file, table("seeds = [0]"), hour=1)
    commit(file, table(), hour=2)
    commit(file, "# said more\n" + table(name="renamed"), hour=3)
    assert since(file) == 2
    commit(file, table("seeds = [0]"), hour=4)
    commit(file, table(candidate="other"), hour=5)
    assert since(file) == 5  # it was another choice meanwhile


def test_what_is_not_committed_is_declared_now_and_what_git_does_not_know_is_not_told(
    file: Path, tmp_path: Path
) -> None:
    assert since(file) is None
    commit(file, table(""), hour=1)
    file.write_text(table())
    assert since(file) == 24
    assert declared(tmp_path.parent / "nowhere" / "repro.toml", CLAIM) is None


def test_a_shallow_clone_does_not_tell_when_it_ends_before_the_commit(
    file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit(file, table(), hour=1)
    commit(file, table() + "# more\n", hour=2)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", "--depth=1", file.parent.as_uri(), "here")
    assert since(clone / "here" / "repro.toml") is None
