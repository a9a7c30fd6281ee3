"""A git repository to look at."""

import os
from pathlib import Path

import pytest
from project import git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit with a script, a package, a binary file, a link and a text without final newline.

    The machine's own git configuration does not count.
    """
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    root = tmp_path / "repository"
    (root / "pkg").mkdir(parents=True)
    (root / "train.py").write_text("lr = 0.1\nepochs = 5\n")
    (root / "pkg" / "model.py").write_text("width = 32\n" * 20)
    (root / "weights.bin").write_bytes(bytes(range(256)))
    (root / "notes.txt").write_text("no newline at the end")
    (root / "run.sh").write_text("python train.py\n")
    (root / "latest").symlink_to("train.py")
    (root / ".gitignore").write_text("ignored/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root
