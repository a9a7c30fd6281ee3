"""`repro restore` as a person meets it."""

import pytest
from click.testing import CliRunner
from repository import work_tree
from worktrees import TOKEN

import repro
from repro.cli.main import main
from repro.facts.code import Code

pytestmark = pytest.mark.slow


def restore_command(*words):
    return CliRunner().invoke(main, ["restore", *map(str, words)])


def test_what_ran_is_written_into_a_new_folder(project, tmp_path):
    (project.root / "train.py").write_text("lr = 0.2\n")
    expected = work_tree(project.root)
    with repro.tracked_run("first", seed=0, quiet=True):
        pass
    (project.root / "train.py").write_text("lr = 0.3\n")
    result = restore_command("first", tmp_path / "again")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path / 'again'} holds the code that ran, byte for byte\n"
    assert work_tree(tmp_path / "again") == expected


def test_what_is_not_exact_is_said_and_exits_1(project, tmp_path):
    (project.root / "train.py").write_text(f'token = "{TOKEN}"\n')
    with repro.tracked_run("first", seed=0, quiet=True):
        pass
    result = restore_command("first", tmp_path / "again")
    assert result.exit_code == 1
    assert "a secret was masked in the patch" in result.stdout


def test_what_cannot_be_restored_exits_3_and_a_full_folder_2(project, tmp_path, monkeypatch):
    monkeypatch.setattr("repro.observe.bundle.BUNDLE_BYTES", 1)
    with repro.tracked_run("first", seed=0, quiet=True) as run:
        pass
    fact = project.record(run.run_id).find(Code)
    assert fact.not_restorable == (
        f"commit {fact.commit[:8]} is on no remote and its bundle is over 0 MB"
    )
    assert restore_command("first", project.root).exit_code == 2
    monkeypatch.chdir(tmp_path)
    result = restore_command(
        "first", tmp_path / "again", "--tracking-uri", project.uri, "--experiment", "tests"
    )
    assert result.exit_code == 3
    assert result.stderr == (
        f"error: commit {fact.commit[:12]} is in no repository at hand (--from names one), "
        f"no bundle of it was kept ({fact.not_restorable}), and no remote is known.\n"
    )
