"""The code is read while the training goes on; a training never waits for it, or fails by it."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import repro
from repro.facts.code import Code
from repro.facts.fact import Absent

pytestmark = pytest.mark.slow

# Only our own commands wait: MLflow asks git, too.
GATED_GIT = """#!/bin/sh
if [ "$1" = --no-optional-locks ]; then
    while [ ! -e "{gate}" ]; do sleep 0.02; done
fi
exec {git} "$@"
"""


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """A file; until it exists, no git command of ours goes on."""
    gate, program = tmp_path / "gate", tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(GATED_GIT.format(gate=gate, git=shutil.which("git")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return gate


def code_of(project, run):
    return project.record(run.run_id).get(Code)


def test_the_training_does_not_wait_for_git_and_the_record_does(project, gate, capsys):
    with repro.tracked_run("slow", seed=0) as run:
        assert run.seen.code_state.seen(0) is None
        gate.touch()
    assert "code still being read" in capsys.readouterr().err
    assert code_of(project, run).restore_verified


def test_the_first_line_says_the_commit_of_a_git_that_is_fast(project, capsys):
    with repro.tracked_run("fast", seed=0) as run:
        run.seen.code_state.seen(10)
    with repro.tracked_run("again", seed=0):
        pass
    assert f"code {project.git('rev-parse', 'HEAD')[:9]}" in capsys.readouterr().err


def test_a_git_that_never_answers_costs_the_fact_and_not_the_run(project, gate, monkeypatch):
    monkeypatch.setattr("repro.observations.CODE_SECONDS", 0.1)
    with repro.tracked_run("hangs", seed=0, quiet=True) as run:
        pass
    gate.touch()
    assert code_of(project, run) == Absent(
        reason="the code was not read within 0.1 seconds", kind="failed"
    )


def test_without_git_the_training_runs_and_the_reason_is_recorded(project):
    program = project.root / "train.py"
    program.write_text(
        "import repro\n"
        "with repro.tracked_run('no git', seed=0, quiet=True) as run:\n"
        "    print(run.run_id)\n"
    )
    result = subprocess.run(
        [sys.executable, program], env={**os.environ, "PATH": ""}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    code = project.record(result.stdout.strip()).get(Code)
    assert code == Absent(reason="GitFailed: git is not installed, or not on PATH", kind="failed")


def test_nested_runs_and_decorated_functions_each_have_their_code(project):
    @repro.tracked_run("outer", seed=0, quiet=True)
    def train():
        with repro.tracked_run("inner", seed=1, quiet=True) as inner:
            pass
        return repro.active_run(), inner

    for run in train():
        assert code_of(project, run).commit == project.git("rev-parse", "HEAD")


WORKERS = """
    import pathlib, sys
    import repro, torch

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 8
        def __getitem__(self, i):
            return torch.tensor(i)

    with repro.tracked_run("workers", seed=0, quiet=True) as run:
        loader = run.dataloader(Rows(), num_workers=2, multiprocessing_context="fork")
        assert sum(len(batch) for batch in loader) == 8
        assert run.seen.code_state.seen(0) is None
        pathlib.Path(sys.argv[1]).touch()
        assert sum(len(batch) for batch in loader) == 8
        print(run.run_id)
"""


def test_workers_are_forked_while_the_code_is_being_read(project, gate):
    (project.root / "train.py").write_text(textwrap.dedent(WORKERS))
    result = subprocess.run(
        [sys.executable, "train.py", gate], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert project.record(result.stdout.strip()).find(Code).is_dirty


INTERRUPTED = """
    import repro, time

    with repro.tracked_run("interrupted", seed=0, quiet=True) as run:
        print(run.run_id, flush=True)
        time.sleep(60)
"""


def test_a_ctrl_c_stops_the_training_and_not_the_reading_of_the_code(project, gate):
    (project.root / "train.py").write_text(textwrap.dedent(INTERRUPTED))
    process = subprocess.Popen(
        [sys.executable, "train.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    run_id = process.stdout.readline().strip()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everything in the foreground
    gate.touch()
    _, errors = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in errors
    assert project.record(run_id).find(Code).is_dirty


def test_a_failing_look_is_a_reason_and_not_an_exception(project, monkeypatch):
    def fail(folder: Path) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr("repro.observe.code.at_start", fail)
    with repro.tracked_run("fails", seed=0, quiet=True) as run:
        pass
    assert code_of(project, run) == Absent(reason="OSError: disk gone", kind="failed")
