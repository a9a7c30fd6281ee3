"""A small version of `make calibration`: normal noise, each gate against its nominal level."""

import pytest
from calibration import (
    CONSERVATIVE,
    EXPERIMENTS,
    NAIVE,
    NORMAL,
    WRITTEN,
    error_rates,
    nominal,
    standard_error,
)

# Samples a cell, fewer where one costs more. "grades" takes milliseconds: in the command only.
REPEATS = {"pairs": 1200, "arms": 1200, "datasets": 1000, "examples": 800, "tasks": 300}
CELLS = [
    pytest.param(experiment, n, id=f"{experiment.sample.__name__}-{n}")
    for experiment in EXPERIMENTS
    if experiment.sample.__name__ != "grades"
    for n in experiment.sizes
]


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "n"), CELLS)
def test_each_gate_errs_as_often_as_it_says(experiment, n):
    repeats = REPEATS.get(experiment.sample.__name__, 4000)
    rates = error_rates(experiment, NORMAL, n, repeats)
    for gate in rates.keys() - {NAIVE}:
        expected = nominal(gate)
        off = rates[gate] - expected
        allowed = 4 * standard_error(expected, repeats)
        assert off <= allowed, f"{gate}: {rates[gate]}"
        assert gate in CONSERVATIVE or off >= -allowed, f"{gate}: {rates[gate]}"


@pytest.mark.slow
def test_a_gate_that_takes_folds_as_independent_would_be_caught():
    splits = next(e for e in EXPERIMENTS if e.sample.__name__ == "splits")
    for n in splits.sizes:
        rate = error_rates(splits, NORMAL, n, 2000)[NAIVE]
        assert rate > 0.05 + 4 * standard_error(0.05, 2000)


def test_the_written_tables_name_every_gate():
    written = WRITTEN.read_text(encoding="utf-8")
    assert all(f"| {gate} |" in written for gate in CONSERVATIVE)
    assert all(f"## {e.sample.__name__.capitalize()}" in written for e in EXPERIMENTS)
