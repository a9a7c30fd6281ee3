"""What looking at the code costs, beside one `git status` of the same repository: `make bench`."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from project import git

from repro.observe.code import CodeState, at_end, at_start

N_FILES = 50_000
REPEATS = 9


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def git_status(root: Path) -> None:
    subprocess.run(("git", "status", "--porcelain=v2"), cwd=root, check=True, capture_output=True)


def large_repository(root: Path) -> Path:
    """Every commit is on a remote, as is usual where 50,000 files are."""
    for i in range(N_FILES):
        path = root / f"package_{i % 50}" / f"part_{i % 500}" / f"module_{i}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {i}\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "gc.auto", "0")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    git(root, "remote", "add", "origin", "https://git.example/team/large.git")
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    return root


@pytest.mark.bench
def test_looking_at_a_clean_repository_costs_little_more_than_its_status(tmp_path, capsys):
    root = large_repository(tmp_path)
    at_start(root), git_status(root)
    pairs = [
        (milliseconds(lambda: git_status(root)), milliseconds(lambda: at_start(root)))
        for _ in range(REPEATS)
    ]
    status, ours = (median(column) for column in zip(*pairs, strict=True))
    state = at_start(root)
    assert isinstance(state, CodeState)
    end = median(milliseconds(lambda: at_end(state)) for _ in range(REPEATS))
    (root / "package_0" / "part_0" / "module_0.py").write_text("x = 1\n")
    dirty = median(milliseconds(lambda: at_start(root)) for _ in range(REPEATS))
    with capsys.disabled():
        print(
            f"\n{N_FILES} files: git status {status:.0f} ms; clean at start {ours:.0f} ms "
            f"({ours / status:.2f} x), at the end {end:.0f} ms ({end / status:.2f} x); "
            f"dirty at start {dirty:.0f} ms ({dirty / status:.2f} x)"
        )
    assert ours <= 1.5 * status
