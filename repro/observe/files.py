"""Looks at files and folders: one row a file, told by its content."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from repro.digest import Block, Table, digest_file
from repro.digest.columns import objects_block
from repro.errors import UnsupportedData

THREADS = 8  # blake3 and the disk both work without python's lock


def manifest(path: Path) -> Table:
    """Path, size and digest of every file; costs one reading of all of them.

    Two rows are the same data if their contents are, whatever the files are called: paths only
    name them. Links are followed; a folder that contains itself is entered once.

    Raises
    ------
    UnsupportedData
        There is no such file, no file in the folder, or one that cannot be read.
    """
    if not path.exists():
        raise UnsupportedData(f"{path} does not exist. Pass a file, or a folder that holds data.")
    folder = path if path.is_dir() else path.parent
    names = sorted(_relative_paths(path)) if path.is_dir() else [path.name]
    if not names:
        raise UnsupportedData(f"{path} has no files. Pass a file, or a folder that holds data.")
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda name: _read(folder / name), names))
    sizes = np.array([size for size, _ in found], dtype=np.int64).reshape(-1, 1)
    return Table(
        kind="folder" if path.is_dir() else "file",
        features=(objects_block("content", [digest for _, digest in found]),),
        labels=(),
        names=(objects_block("path", names), Block(("bytes",), sizes)),
    )


def _relative_paths(folder: Path) -> Iterator[str]:
    """Paths of all files below, with `/` between folders."""
    entered: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise UnsupportedData(f"{error.filename} cannot be read: {error.strerror}.") from error

    for root, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        state = os.stat(root)
        if (state.st_dev, state.st_ino) in entered:
            folders.clear()
            continue
        entered.add((state.st_dev, state.st_ino))
        yield from ((Path(root) / name).relative_to(folder).as_posix() for name in files)


def _read(file: Path) -> tuple[int, str]:
    """Size and digest of a file."""
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):  # reading a pipe would wait for ever
            raise UnsupportedData(f"{file} is no regular file. Move it out of the data.")
        return state.st_size, digest_file(file)
    except OSError as error:
        raise UnsupportedData(f"{file} cannot be read: {error.strerror}.") from error
