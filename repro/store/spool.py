"""Files beside the journal that MLflow does not have yet, under the path of the artifact."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from repro.trace.format import PATH

FOLDER = "artifacts"  # of the journal's
DRAFT = ".draft"
GROWING = PATH.removesuffix(".jsonl")


def keep(journal: Path, files: Mapping[str, bytes]) -> Path:
    """Have these files wait, and no others but a trace that grows; returns their folder.

    Each is written in one step that a kill cannot divide.
    """
    folder = journal / FOLDER
    for path in _paths(folder) - files.keys():
        if not path.startswith(GROWING):
            (folder / path).unlink()
    for path, content in files.items():
        file = folder / path
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f"{file.name}{DRAFT}")
            draft.write_bytes(content)
            os.replace(draft, file)
    return folder


def kept(journal: Path) -> dict[str, bytes]:
    """The files that wait."""
    folder = journal / FOLDER
    paths = sorted(path for path in _paths(folder) if not path.endswith(DRAFT))
    return {path: (folder / path).read_bytes() for path in paths}


def drop(journal: Path) -> None:
    """MLflow has them."""
    shutil.rmtree(journal / FOLDER, ignore_errors=True)


def _paths(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}
