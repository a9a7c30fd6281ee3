"""`repro replay` on real scripts: what it proves, what it refuses, and what it leaves alone."""

import hashlib
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from worktrees import TOKEN

import repro
from repro.cli.main import main
from repro.replay_original import find_original
from repro.store.location import locate
from repro.verification import verify

pytestmark = pytest.mark.slow

SCRIPT = """
import time
from pathlib import Path

import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold
from torch import nn

import repro

Path("results.txt").write_text("mine")


def net(name, seed):
    with repro.tracked_run(name, seed=seed, tags={"arm": name}) as run:
        x, y = torch.randn(96, 8), torch.randn(96, 1)
        model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        if name == "clock":
            model[0].bias.data[0] = float(time.time_ns() % 2**20)
        optimizer = torch.optim.AdamW(model.parameters())
        run.watch(model, optimizer)
        loader = run.dataloader(torch.utils.data.TensorDataset(x, y), batch_size=32, shuffle=True)
        for epoch in range(2):
            for rows, labels in loader:
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(model(rows), labels)
                loss.backward()
                optimizer.step()
            run.log_metrics({"loss": loss.item()}, step=epoch)


def folds():
    rows, labels = (part[:200] for part in load_digits(return_X_y=True))
    with repro.tracked_run("folds"):
        for fold, (train, test) in enumerate(KFold(3).split(rows)):
            with repro.tracked_run("fold", params={"fold": fold}) as run:
                model = RandomForestClassifier(5)
                run.watch(model)
                model.fit(rows[train], labels[train])
                found = model.predict(rows[test])
                run.score("test/accuracy", accuracy_score, labels[test], found, on="test")


if __name__ == "__main__":
    net("net", 0)
    net("clock", 0)
    folds()
"""


def replay(*words):
    return CliRunner().invoke(main, ["replay", *map(str, words)])


def files(root):
    """Digest of every file of the user's, the store left out."""
    found = (path for path in root.rglob("*") if path.is_file() and "mlruns" not in path.parts)
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def trained(project):
    """A project in which a script with runs of three kinds has run, and was edited since."""
    (project.root / "train.py").write_text(SCRIPT)
    (project.root / ".gitignore").write_text("mlruns/\n__pycache__/\nresults.txt\n")
    project.commit()
    project.git("config", "user.email", "test@localhost")
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "train.py"], cwd=project.root, env=variables, check=True)
    (project.root / "train.py").write_text("raise SystemExit('edited')\n")
    (project.root / "results.txt").write_text("edited, too")
    return project


def test_runs_that_repeat_are_proved_and_one_that_reads_the_clock_is_caught(trained):
    before, runs = files(trained.root), trained.history.find_runs()
    ids = {name: trained.history.resolve(name) for name in ("net", "clock", "folds")}

    net = replay("net")
    assert (net.exit_code, net.stderr) == (0, "")
    told = net.stdout.splitlines()
    assert told[0].endswith("): identical")
    assert told[1] == "  compared  6 of 6 steps, the weights at the end, 1 metric"
    again = trained.history.resolve(told[2].split()[1])
    assert again in trained.history.find_replays(ids["net"])
    clock = find_original(trained.history, locate(), ids["clock"])
    found = clock.verdict(trained.history.resolve("clock replay"), None)
    assert found.kind == "diverged"
    assert found.what.startswith("step 0, ")
    folds = replay("folds")  # its seeds were drawn
    assert (folds.exit_code, "3, each compared" in folds.stdout) == (0, True)

    assert files(trained.root) == before
    assert trained.history.find_runs() == runs  # no replay counts as a run of an arm
    assert {verify(trained.history, one, ()).exit_code for one in runs} == {0}
    tags = trained.history.client.get_run(ids["net"]).data.tags
    assert tags["repro.verified"].startswith("identical 20")
    assert tags["repro.verified"].endswith(f" by {again[:8]}")


def test_a_run_whose_patch_holds_a_secret_is_refused_with_the_reason(project):
    (project.root / "train.py").write_text(f'token = "{TOKEN}"\n')
    with repro.tracked_run("first", seed=0, quiet=True):
        pass
    result = replay("first")
    assert result.exit_code == 3
    assert "not re-executable(its code cannot be brought back: a secret was" in result.stdout
    assert (
        "repro.verified"
        not in project.history.client.get_run(project.history.resolve("first")).data.tags
    )


def test_code_of_another_author_is_not_executed_without_asking(project, monkeypatch):
    project.git("config", "user.email", "ada@localhost")
    monkeypatch.setattr("repro.replay.rerun", pytest.fail)
    with repro.tracked_run("first", seed=0, quiet=True):
        pass
    result = replay("first")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: the author of the code is test@localhost, you are ada@localhost. "
        "Look at the code with `repro restore`, then pass --yes.\n"
    )
