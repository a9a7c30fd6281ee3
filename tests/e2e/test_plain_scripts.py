"""Scripts that use nothing but tracked_run, log_data, watch (torch) and score reach a verdict."""

import importlib
import sys

import pytest
import torch
from click.testing import CliRunner
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import DataLoader, TensorDataset

import repro
from repro.claims import find_policy
from repro.cli.main import main
from repro.judge import judge

SEEDS = range(5)
SCRIPT = "steps.py"  # what the training imports from its repository
CLAIM = """
[[claim]]
name = "b-beats-a"
baseline = "tags.arm = 'a'"
candidate = "tags.arm = 'b'"
metric = "test/accuracy"
direction = "higher"
treatment = ["{treatment}"]
"""

features, labels = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    StandardScaler().fit_transform(features), labels, test_size=0.3, random_state=0
)


def train_torch(seed, arm, lr):
    with repro.tracked_run(f"{arm}-{seed}", seed=seed, tags={"arm": arm}) as run:
        run.log_data(train=(X_train, y_train), test=(X_test, y_test))
        tensors = torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train)
        model = torch.nn.Sequential(
            torch.nn.Linear(30, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 2)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        run.watch(model, optimizer)
        for _ in range(2):
            for x, y in DataLoader(TensorDataset(*tensors), batch_size=32, shuffle=True):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
        model.eval()
        predicted = model(torch.tensor(X_test, dtype=torch.float32)).argmax(1)
        run.score("test/accuracy", accuracy_score, y_test, predicted, on="test")


def train_sklearn(seed, arm, depth):
    with repro.tracked_run(
        f"{arm}-{seed}", seed=seed, params={"depth": depth}, tags={"arm": arm}
    ) as run:
        run.log_data(train=(X_train, y_train), test=(X_test, y_test))
        model = DecisionTreeClassifier(max_depth=depth, max_features=3).fit(X_train, y_train)
        run.score("test/accuracy", accuracy_score, y_test, model.predict(X_test), on="test")


@pytest.fixture(autouse=True)
def script(project, monkeypatch):
    """A file of the project that the training has imported, as its own script would be."""
    (project.root / SCRIPT).write_text("n_epochs = 2\n")
    project.commit()
    monkeypatch.syspath_prepend(project.root)
    monkeypatch.delitem(sys.modules, "steps", raising=False)
    importlib.import_module("steps")
    yield
    sys.modules.pop("steps")


@pytest.mark.long  # tests/claims trains such scripts in one process
@pytest.mark.slow
def test_a_plain_torch_script_reaches_a_statistical_verdict(project):
    for seed in SEEDS:
        train_torch(seed, "a", lr=0.001)
        train_torch(seed, "b", lr=0.3)
    project.policy(CLAIM.format(treatment="optimizer.lr"))
    result = CliRunner().invoke(main, ["audit"])
    assert result.output.startswith("b-beats-a    BETTER"), result.output
    assert result.exit_code == 0
    assert "optimizer.lr  0.001     0.3        treatment" in result.output


@pytest.mark.long  # tests/claims trains such scripts in one process
@pytest.mark.slow
def test_a_plain_scikit_learn_script_reaches_a_statistical_verdict(project):
    for seed in SEEDS:
        train_sklearn(seed, "a", depth=1)
        train_sklearn(seed, "b", depth=6)
    project.policy(CLAIM.format(treatment="params.depth"))
    result = CliRunner().invoke(main, ["audit"])
    assert result.exit_code in (0, 1, 4), result.output
    policy = find_policy(project.root)
    judgement = judge(policy.claims[0], project.history, policy)
    assert judgement.comparison is not None
    assert judgement.comparison.n_pairs == 5


@pytest.mark.long
@pytest.mark.slow
def test_an_undeclared_difference_makes_the_same_claim_invalid(project):
    for seed in SEEDS:
        train_torch(seed, "a", lr=0.01)
        train_torch(seed, "b", lr=0.3)
    project.policy(CLAIM.format(treatment="architecture.*"))
    result = CliRunner().invoke(main, ["audit"])
    assert result.exit_code == 1
    assert result.output.startswith("b-beats-a    INVALID")
    assert "optimizer.lr differs between the arms and is not declared" in result.output
    assert "interval" not in result.output


@pytest.mark.long
@pytest.mark.slow
def test_a_run_without_data_is_unproven(project):
    for seed in SEEDS:
        for arm, c in (("a", 0.01), ("b", 1.0)):
            tags = {"arm": arm}
            with repro.tracked_run(f"{arm}-{seed}", seed=seed, params={"C": c}, tags=tags) as run:
                model = LogisticRegression(C=c).fit(X_train, y_train)
                predicted = model.predict(X_test)
                run.score("test/accuracy", accuracy_score, y_test, predicted, on="test")
    project.policy(CLAIM.format(treatment="params.C"))
    result = CliRunner().invoke(main, ["audit"])
    assert result.exit_code == 3
    assert result.output.startswith("b-beats-a    UNPROVEN")
    assert "run.log_data" in result.output
