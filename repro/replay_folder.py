"""The temporary folder of a replay, and those that killed ones have left."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "repro-replay-"
HELD = "held"  # a file that the replay keeps locked, as long as it lives


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """A folder that is deleted afterwards; or by the next replay, if this one is killed."""
    _clear_leftovers(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    try:
        with (folder / "new").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            (folder / "new").rename(folder / HELD)  # whoever sees it by this name finds it locked
            yield folder
    finally:
        clear(folder)


def _clear_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            is_mine = not folder.is_symlink() and folder.stat().st_uid == os.getuid()
            if is_mine:
                with (folder / HELD).open("rb") as file:
                    is_mine = _is_free(file)
        except OSError:
            continue
        if is_mine:
            clear(folder)


def _is_free(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def clear(folder: Path) -> None:
    """Delete a folder, also what the script has made read-only."""
    for inner, _, _ in os.walk(folder):
        with suppress(OSError):  # of another user, or gone
            os.chmod(inner, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
