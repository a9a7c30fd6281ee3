import argparse
import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from generated import parts

import repro
from repro.claims import read_policy
from repro.facts.scores import Scores

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)[1]


def code(language: str, number: int) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


@pytest.mark.parametrize("name", ["rules", "techniques", "programs", "help"])
def test_the_generated_parts_are_up_to_date(name):
    assert block(name) == parts()[name], "run: python tests/generated.py"


def test_the_claim_of_the_readme_is_a_claim(tmp_path):
    (tmp_path / "repro.toml").write_text(code("toml", 0))
    (claim,) = read_policy(tmp_path / "repro.toml").claims
    assert (claim.goal, claim.replicates) == ("no-regression", 5)


class CNN(torch.nn.Linear):
    def __init__(self):
        super().__init__(4, 2)


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def test_the_example_runs_as_it_stands(project):
    x, y = torch.rand(200, 4), torch.arange(200) % 2
    names = {
        "args": argparse.Namespace(lr=1e-3, batch_size=128),
        "CNN": CNN,
        "train": torch.utils.data.TensorDataset(x, y),
        "test": (x + 1, y),
        "y_test": y,
        "train_step": train_step,
        "loss_fn": torch.nn.functional.cross_entropy,
        "predict": lambda model: model(x + 1).argmax(1),
    }
    exec(code("python", 0), names)
    record = project.record(names["run"].run_id)
    assert record.find(Scores).score("test/accuracy").metric == "sklearn.metrics.accuracy_score"
    assert record.flat["batching.effective"] == 128
    assert record.flat["optimizer.lr"] == 1e-3


def test_the_split_of_the_readme_is_proved():
    days = pd.date_range("2026-01-01", periods=40, freq="12h", tz="UTC")
    flights = pd.DataFrame({"departs": days, "lands": days + pd.Timedelta("3h")})
    flights["tailnum"] = [f"N{row % 20}" if row < 28 else f"M{row}" for row in range(40)]
    names = {"flights": flights}
    exec(code("python", 1), names)
    assert names["plan"].n_splits == 3


def test_the_checkpoint_of_the_readme_is_gone_on_from(project):
    writing, going_on = code("python", 3).split("\n\n", 1)
    model = CNN()
    train = torch.utils.data.TensorDataset(torch.rand(200, 4), torch.arange(200) % 2)
    names = {"model": model, "optimizer": torch.optim.AdamW(model.parameters()), "epoch": 4}
    names |= {"repro": repro, "train": train}
    with repro.tracked_run("adamw", seed=0, quiet=True) as names["run"]:
        exec(writing, names)
    exec(going_on, names)
    assert names["state"].epoch == 4
