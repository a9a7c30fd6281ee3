"""Looks up in git since when a claim names its seeds; when the claim is judged, not before."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repro.claims import Claim
from repro.observe.git import GitFailed, WorkTree, work_tree_around


@dataclass(frozen=True)
class Declared:
    """Since when; `tree` is that of the commit, 40 hex digits: None where nothing is committed."""

    at: datetime  # UTC, by the committer's clock
    tree: str | None = None


def declared(file: Path, claim: Claim) -> Declared | None:
    """Since when every commit of the file names these seeds; 5 ms for each commit of it.

    None where git does not tell: the file is in no repository, or the clone is too shallow.
    Whoever writes history anew can date it back.
    """
    try:
        tree = work_tree_around(file.resolve().parent)
        return _declared(tree, file.resolve().relative_to(tree.root).as_posix(), claim)
    except (GitFailed, ValueError, OSError):
        return None


def _declared(tree: WorkTree, path: str, claim: Claim) -> Declared | None:
    commits = tree.git.line("log", "--format=%H %T %ct", "--", path).splitlines()
    found: Declared | None = None
    for line in commits:
        commit, of_commit, seconds = line.split()
        if not _names(_tables(tree, f"{commit}:{path}"), path, claim):
            break
        found = Declared(datetime.fromtimestamp(int(seconds), UTC), of_commit)
    else:
        if not commits or (tree.common_folder / "shallow").exists():
            return None
    return found or Declared(datetime.now(UTC))


def _tables(tree: WorkTree, name: str) -> Mapping[str, Any]:
    """What the file said; a commit that deleted it, or one before it was TOML, says nothing."""
    try:
        return tomllib.loads(tree.git("show", name).decode())
    except (GitFailed, ValueError):
        return {}


def _names(tables: Mapping[str, Any], path: str, claim: Claim) -> bool:
    """Whether a claim of this name, or about the same runs, names the same seeds."""
    for one in _claims(tables, path):
        is_it = one.get("name") == claim.name or one.get("candidate") == claim.candidate
        seeds = one.get("seeds")
        if is_it and isinstance(seeds, list) and set(seeds) == set(claim.seeds or ()):
            return True
    return False


def _claims(tables: Mapping[str, Any], path: str) -> Iterator[Mapping[str, Any]]:
    if path.endswith("pyproject.toml"):
        tables = tables.get("tool", {}).get("repro", {})
    yield from (one for one in tables.get("claim", ()) if isinstance(one, dict))
