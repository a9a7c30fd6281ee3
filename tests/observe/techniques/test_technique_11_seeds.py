"""Row 11: random seeds: what was seeded, by whom, and which switches were in effect.

With real runs: the state of the process is what is told.
"""

import random

import numpy as np
import pytest
import torch
from watched_training import step

import repro
from repro.determinism import isolated, read_switches
from repro.facts.determinism import Determinism
from repro.record import is_compared, is_per_replicate

VARIABLE = "torch.deterministic_algorithms"


def drawn():
    """One number of each global generator."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def drawn_after(seed):
    """The same, seeded by hand."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return drawn()


def recorded(project, **options) -> Determinism:
    with repro.tracked_run(**options) as run:
        pass
    return project.record(run.run_id).find(Determinism)


def differing(one: Determinism, other: Determinism) -> set[str]:
    flats = one.flat(), other.flat()
    return {path for path in flats[0].keys() | flats[1].keys() if len({f[path] for f in flats}) > 1}


def test_technique_11_seeds_every_generator_and_tells_so(project):
    with repro.tracked_run(seed=7) as run:
        inside = drawn()
        switches = read_switches()
    with isolated():
        assert inside == drawn_after(7)
    told = project.record(run.run_id).find(Determinism)
    assert (told.seed, told.seed_source, told.mode) == (7, "argument", "strict")
    assert {"python", "numpy", "torch"} <= set(told.seeded)
    assert {switch.name: switch.value for switch in told.switches} == switches
    assert (switches[VARIABLE], told.drifted) == (True, ())


@pytest.mark.slow
def test_technique_11_seeds_are_told_with_where_they_are_from(project, monkeypatch):
    chosen = recorded(project)
    assert (chosen.seed_source, type(chosen.seed)) == ("drawn", int)
    monkeypatch.setenv("REPRO_SEED", "11")
    told = recorded(project)
    assert (told.seed, told.seed_source) == (11, "REPRO_SEED")


@pytest.mark.parametrize(("mode", "is_strict"), [("warn", True), ("off", False)])
def test_technique_11_seeds_go_with_the_mode_and_its_switches(project, mode, is_strict):
    told = recorded(project, seed=1, deterministic=mode)
    assert told.mode == mode
    switches = {switch.name: switch.value for switch in told.switches}
    assert bool(switches[VARIABLE]) is is_strict


@pytest.mark.slow
def test_technique_11_seeds_are_no_proof_once_a_switch_was_changed_and_the_step_tells_when(project):
    model = torch.nn.Linear(16, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with repro.tracked_run(seed=1) as run:
        for number in range(4):
            torch.use_deterministic_algorithms(number != 2)
            step(model, optimizer, torch.ones(2, 16))
        torch.backends.cudnn.benchmark = True
    told = project.record(run.run_id).find(Determinism)
    drift = {seen.switch: (seen.before, seen.after, seen.step) for seen in told.drift}
    assert drift[VARIABLE] == (True, False, 2)
    assert drift["torch.backends.cudnn.benchmark"] == (False, True, None)
    assert set(told.drifted) == set(drift)
    assert {switch.name: switch.value for switch in told.switches}[VARIABLE] is True


def test_technique_11_seeds_do_not_reach_the_hashes_of_text(project, monkeypatch):
    randomly = recorded(project, seed=1).hash_randomization
    monkeypatch.setenv("PYTHONHASHSEED", "random" if not randomly else "0")
    assert recorded(project, seed=1).hash_randomization is randomly


@pytest.mark.slow
def test_technique_11_seeds_are_all_that_differs_between_two_of_one_configuration(project):
    (path,) = differing(recorded(project, seed=1), recorded(project, seed=2))
    assert path == "determinism.seed"
    assert is_compared(path)
    assert is_per_replicate(path)


@pytest.mark.slow
def test_technique_11_seeds_that_are_equal_give_equal_loaders_generators_and_draws(project):
    def numbers(seed):
        with repro.tracked_run(seed=seed) as run:
            batches = run.dataloader(torch.arange(20), batch_size=20, shuffle=True)
            own = run.rng("noise").random(), torch.rand((), generator=run.generator("noise"))
            own = *own, run.sample_rng(3).random(), run.seeded(lambda task: drawn()[0])("a task")
            told.append(run.run_id)
            return [*drawn(), *map(float, own), *next(iter(batches)).tolist()]

    told = []
    one, same, other = numbers(1), numbers(1), numbers(2)
    given = project.record(told[0]).find(Determinism)
    names = [derived.name for derived in given.derived]
    assert names == ["numpy/noise", "torch/noise", "sample/rows"]
    (loader,) = given.loaders
    assert (loader.role, loader.batch_size, loader.n_workers) == ("train", 20, 0)
    assert one == same
    assert not any(a == b for a, b in zip(one[:7], other[:7], strict=True))
    assert one[7:] != other[7:]
