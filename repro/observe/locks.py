"""Finds the files that pin what is installed."""

import re
from collections.abc import Iterator
from pathlib import Path

from repro.digest import digest_bytes
from repro.facts.environment import Lock

NAMES = ("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml")
PATTERNS = (*NAMES, "pylock*.toml", "requirements*.txt", "constraints*.txt")
PIN = re.compile(rb"^[^#\n]*===?\s*\d", re.MULTILINE)


def locks(folder: Path) -> tuple[Lock, ...]:
    """Lock files in a folder and above it, up to the root of its repository."""
    chain = list(_up_to_root(folder))
    root = chain[-1]
    return tuple(
        Lock(path=path.relative_to(root).as_posix(), digest=digest_bytes(content))
        for place in reversed(chain)
        for pattern in PATTERNS
        for path in sorted(place.glob(pattern))
        if (content := _pins(path)) is not None
    )


def _up_to_root(folder: Path) -> Iterator[Path]:
    """The folder and those above it, ending with the repository; alone if it is in none."""
    above = [folder, *folder.parents]
    depth = next((i for i, place in enumerate(above) if (place / ".git").exists()), 0)
    yield from above[: depth + 1]


def _pins(path: Path) -> bytes | None:
    """Its content, if it is a file that fixes a version."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    is_lock = path.suffix != ".txt" or PIN.search(content) is not None
    return content if is_lock else None
