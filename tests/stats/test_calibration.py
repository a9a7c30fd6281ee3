"""A small version of `make calibration`: normal noise, each gate against its nominal level."""

import null_claims
import pytest
from calibration import (
    APPROXIMATE,
    CONSERVATIVE,
    EXPERIMENTS,
    WRITTEN,
    cell,
    error_rates,
    excess,
    faults,
    reason,
)
from null_worlds import CONTRAST, NORMAL

from repro.audit.case import EvaluationNoise
from repro.stats.comparison import ALPHA, Comparison

# Samples a cell; what costs milliseconds a sample is left to the command.
REPEATS = {
    **dict.fromkeys(("pairs", "flips", "arms", "splits", "folds", "guards"), 800),
    **{"looks": 500, "datasets": 400, "examples": 400, "families": 500, "rows": 200},
    **{"ranks": 150, "tables": 100},
}
SLOW = {("rows", 20), ("ranks", 20), ("tables", 10), ("tables", 20)}
BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}
CELLS = [(name, n) for name in REPEATS for n in BY_NAME[name].sizes if (name, n) not in SLOW]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n"), CELLS)
def test_each_gate_errs_as_often_as_it_says(name, n):
    assert faults(BY_NAME[name], n, REPEATS[name]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["splits", "families"])
def test_what_is_there_for_contrast_would_be_caught(name):
    rates = error_rates(BY_NAME[name], NORMAL, 10, REPEATS[name])
    ((gate, rate),) = [(gate, rate) for gate, rate in rates.items() if gate.startswith(CONTRAST)]
    assert excess(gate, rate, REPEATS[name]) > 0


def two_alphas(comparison):
    return comparison.estimate.interval(1 - 2 * comparison.alpha)


def tenth_of_alpha(comparison):
    return comparison.estimate.interval(1 - comparison.alpha / 10)


def its_mean(comparison):
    return comparison.difference


WRONG = [
    ("pairs", Comparison, "interval", property(two_alphas)),
    ("pairs", Comparison, "interval", property(tenth_of_alpha)),
    ("pairs", Comparison, "inner_interval", property(tenth_of_alpha)),
    ("folds", Comparison, "lower_bound", property(its_mean)),
    ("guards", null_claims, "guard_outcome", lambda *_, **__: "safe"),
    ("families", null_claims, "holm_level", lambda *_: ALPHA),
    ("looks", null_claims, "confidence_at", lambda *_, **__: 1 - ALPHA),
    ("rows", null_claims, "evaluation_noise", lambda *_: EvaluationNoise(0.01, 300)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "where", "gate", "wrong"), WRONG)
def test_a_gate_that_is_wrong_is_caught(monkeypatch, name, where, gate, wrong):
    monkeypatch.setattr(where, gate, wrong)
    assert faults(BY_NAME[name], 10, REPEATS[name]) != []


def test_a_cell_says_how_far_a_rate_is_from_nominal_and_bounds_what_never_happened():
    gate = "paired t: 95 % interval"
    assert cell(0.052, gate, 10_000) == "0.0520 ± 0.0022"
    assert cell(0.08, gate, 10_000) == "**0.0800 ± 0.0027**"
    assert cell(0.03, gate, 10_000) == "0.0300 ± 0.0017 ↓ 0.0200"
    # R: binom.test(0, 10000)$conf.int[2] = 1 - .025^(1/10000) = .00036882
    assert cell(0.0, gate, 10_000) == "none, so below 0.0004 ↓ 0.0500"
    assert cell(None, gate, 10_000) == "refused"


def test_the_written_tables_hold_every_experiment_and_explain_every_deviation():
    written = WRITTEN.read_text(encoding="utf-8")
    assert all(f"## {name.capitalize()}" in written for name in BY_NAME)
    rows = [line.split(" | ") for line in written.splitlines() if f"| {NORMAL} |" in line]
    too_often = {gate.removeprefix("| ") for gate, *cells in rows if "**" in str(cells)}
    too_seldom = {gate.removeprefix("| ") for gate, *cells in rows if "↓" in str(cells)}
    gates = {gate for gate in too_often if not gate.startswith(CONTRAST)}
    assert gates
    assert [gate for gate in gates if reason(gate, APPROXIMATE) is None] == []
    assert [gate for gate in too_seldom if reason(gate, CONSERVATIVE) is None] == []
