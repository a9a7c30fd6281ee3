"""Tracked runs with a trace: what they leave, and that it changed nothing."""

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import repro
from repro.cli.main import main
from repro.determinism import isolated
from repro.determinism.switches import SWITCHES, give_back, read_switches, set_switch
from repro.errors import UsageError
from repro.facts.fact import Absent
from repro.facts.trace import Trace
from repro.trace import read
from repro.trace.tensors import fingerprint, value_text


def train(run=None, *, bump=False, n_steps=4):
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if run is not None:
        run.watch(model, optimizer)
    for step in range(n_steps):
        if bump and step == 2:
            model[0].bias.data[1] += 1
        optimizer.zero_grad()
        model(torch.randn(5, 4)).square().mean().backward()
        optimizer.step()


def run_of(name, **how):
    bump = how.pop("bump", False)
    with repro.tracked_run(name, seed=3, quiet=True, **how) as run:
        train(run, bump=bump)
    return run.run_id


@pytest.mark.slow
def test_diff_names_the_first_difference_and_draws_it(project):
    first = run_of("first", trace="full")
    for name, how in {"again": {}, "other": {"bump": True}, "none": {"trace": "off"}}.items():
        run_of(name, **{"trace": "full", **how})

    def told(other, *words):
        return CliRunner().invoke(main, ["diff", "first", other, "--trace", *words])

    equal = told("again")
    assert equal.exit_code == 0
    assert "no difference in the 4 steps that both traced\nand none in the weights at the end" in (
        equal.output
    )
    found = told("other", "--plot", "spread.png")
    assert found.exit_code == 1
    assert "first difference  step 2, parameters, 0.bias\n" in found.output
    assert "last equal step  1\n" in found.output
    assert Path("spread.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(told("other", "--json").stdout)["first"]["tensor"] == "0.bias"
    untold = told("none")
    assert untold.exit_code == 3
    assert 'has no trace: it was turned off, by tracked_run(trace="off")' in untold.output

    fact = project.record(first).facts[Trace.key()]
    trace = read(project.history.artifact(first, fact.path))
    assert (fact.n_steps, fact.n_traced, fact.is_complete) == (4, 4, True)
    assert fact.chain == trace.chain
    assert trace.end.step == 4


def test_the_variable_goes_before_the_argument(project, monkeypatch):
    monkeypatch.setenv("REPRO_TRACE", "off")
    record = project.record(run_of("untraced", trace="full"))
    assert isinstance(record.facts[Trace.key()], Absent)


@pytest.mark.slow
def test_a_killed_run_leaves_its_trace_up_to_the_last_half_second(project):
    with repro.tracked_run(seed=3, quiet=True, trace="full") as run:
        train(run)
        time.sleep(1.5)
        (waiting,) = project.root.rglob("artifacts/repro/trace.jsonl")
        assert run.run_id in waiting.parts
        assert read(waiting.read_bytes()).steps == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"REPRO_TRACE": "all"},
            "REPRO_TRACE is 'all'; it must be one of: off, light, full.",
        ),
        (
            {"REPRO_TRACE_UNTIL": "soon"},
            "REPRO_TRACE_UNTIL='soon' is no number of a step, such as 100.",
        ),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(project, monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused, repro.tracked_run(quiet=True):
        pass
    assert str(refused.value) == message


def test_an_unknown_level_is_refused(project):
    with pytest.raises(UsageError) as refused, repro.tracked_run(quiet=True, trace="deep"):
        pass
    assert str(refused.value) == (
        "tracked_run(trace=...) is 'deep'; it must be one of: off, light, full."
    )


def cnn():
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)),
        *(nn.Flatten(), nn.Linear(144, 3)),
    )
    return model, torch.optim.AdamW(model.parameters()), lambda: torch.randn(6, 1, 8, 8)


def transformer():
    model = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.2, batch_first=True)
    return model, torch.optim.Adam(model.parameters()), lambda: torch.randn(3, 5, 16)


def lbfgs():
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    return model, torch.optim.LBFGS(model.parameters(), max_iter=4), lambda: torch.randn(7, 4)


def weights_of(kind, run):
    model, optimizer, draw = kind()
    if run is not None:
        run.watch(model, optimizer)
    for _ in range(5):
        batch = draw()

        def closure(batch=batch):
            optimizer.zero_grad()
            loss = model(batch).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    return {name: fingerprint(tensor) for name, tensor in model.state_dict().items()}


def forest(run):
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(3)  # from numpy's global generator
    if run is not None:
        run.watch(model)
    rows = np.random.rand(30, 4)
    model.fit(rows, np.arange(30) % 2)
    if run is not None:
        run.score("test/mean", lambda truth, guess: 0.5, [1, 0], [1, 1], on="test")
    return value_text(model.predict_proba(rows))


def everything(run=None):
    found = [weights_of(kind, run) for kind in (cnn, transformer, lbfgs)]
    return [*found, forest(run), random.random(), np.random.rand(), fingerprint(torch.rand(1))]


def by_hand():
    """With the same seeds, and the same switches."""
    before = [(switch, switch.look()) for switch in SWITCHES]
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    try:
        for switch in SWITCHES:
            set_switch(switch, "strict")
        return everything()
    finally:
        for switch, value in before:
            give_back(switch, value)


@pytest.mark.slow
def test_a_trace_changes_no_bit_of_what_is_trained(project):
    before = read_switches(), torch.autograd.backward
    found = []
    for level in ("full", "light", "off"):
        with repro.tracked_run(seed=5, quiet=True, trace=level) as run:
            found.append(everything(run))
        assert (read_switches(), torch.autograd.backward) == before
    with isolated():
        found.append(by_hand())
    assert found[1:] == found[:1] * 3
