import os

import pytest
import torch
from torch.utils.data import DataLoader

from repro.determinism import Controlled, derive_seed, numpy_rng, seeded_loader, torch_generator
from repro.facts.determinism import EXAMPLE, Derived, Determinism, Drift, Loader
from repro.observe import determinism
from repro.observe.determinism import MOST, HandedOut, at_end


def seen_of(controlled):
    return at_end(controlled, "argument", HandedOut(7))


def test_seed_mode_and_switches_are_told_as_they_were_in_effect():
    with Controlled(7) as controlled:
        seen = seen_of(controlled)
    assert (seen.seed, seen.seed_source, seen.mode) == (7, "argument", "strict")
    assert {"python", "numpy", "torch"} <= set(seen.seeded)
    switches = {switch.name: switch.value for switch in seen.switches}
    assert switches == controlled.switches_at_start() != {}
    assert [switch.name for switch in seen.switches] == sorted(switches)
    assert (seen.drifted, seen.drift) == ((), ())


def test_a_switch_that_somebody_changed_meanwhile_is_told_with_the_step():
    with Controlled(7) as controlled:
        torch.backends.cudnn.benchmark = True
        controlled.look(step=12)
        torch.backends.cudnn.benchmark = False
        seen = seen_of(controlled)
    name = "torch.backends.cudnn.benchmark"
    assert seen.drifted == (name,)
    assert seen.drift == (Drift(switch=name, before=False, after=True, step=12),)


def test_version_1_keeps_the_names_of_what_drifted():
    old = EXAMPLE.model_dump(exclude={"drift", "hash_seed", "derived", "n_derived", "loaders"})
    assert Determinism.model_validate(Determinism.upgrade(1, old)).drifted == EXAMPLE.drifted


@pytest.mark.parametrize(
    ("started_with", "seed"),
    [("0", 0), ("123", 123), ("random", None), ("", None), (None, None)],
)
def test_the_hash_seed_is_that_of_the_start_and_setting_it_later_changes_nothing(
    tmp_path, monkeypatch, started_with, seed
):
    start = tmp_path / "environ"
    told = "" if started_with is None else f"PYTHONHASHSEED={started_with}\0"
    start.write_text(f"A=b=c\0{told}")
    monkeypatch.setattr(determinism, "AT_THE_START", start)
    monkeypatch.setenv("PYTHONHASHSEED", "55")
    with Controlled(7) as controlled:
        seen = seen_of(controlled)
    assert (seen.hash_seed, seen.hash_randomization) == (seed, seed is None)


def test_where_the_start_cannot_be_read_the_variables_of_now_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(determinism, "AT_THE_START", tmp_path / "none")
    monkeypatch.setattr(os, "environ", {"PYTHONHASHSEED": "55"})
    with Controlled(7, "off") as controlled:
        assert seen_of(controlled).hash_seed == 55


def test_generators_and_loaders_are_told_with_the_seeds_they_got():
    given = HandedOut(7)
    given.stream("numpy", "augment"), given.stream("torch", "noise")
    data = torch.arange(8)
    given.loader(seeded_loader(data, seed=7, role="train", batch_size=4, num_workers=2), "train")
    given.loader(DataLoader(data), "test"), given.loader([data], "valid")
    loaders = {loader.role: loader for loader in given.loaders}
    order = derive_seed(7, "torch", "loader/train")
    assert loaders["train"] == Loader(role="train", batch_size=4, n_workers=2, seed=order)
    assert loaders["test"] == Loader(role="test", batch_size=1, n_workers=0, seed=None)
    assert loaders["valid"] == Loader(role="valid", batch_size=None, n_workers=None, seed=None)
    augment, noise = given.derived
    assert augment == Derived(name="numpy/augment", seed=derive_seed(7, "numpy", "augment"))
    assert torch_generator(7, "noise").initial_seed() == noise.seed
    assert numpy_rng(7, "augment").bit_generator.seed_seq.entropy == augment.seed


def test_of_very_many_generators_the_first_and_their_number_are_told():
    given = HandedOut(7)
    for step in range(MOST + 5):
        given.stream("numpy", f"step {step}")
    with Controlled(7) as controlled:
        seen = at_end(controlled, "argument", given)
    assert (len(seen.derived), seen.n_derived) == (MOST, MOST + 5)


def test_what_torch_and_numpy_compute_with_is_told_where_no_package_shows_it():
    with Controlled(7) as controlled:
        seen = seen_of(controlled)
    libraries = {library.name: library.version for library in seen.libraries}
    assert f"v{libraries['oneDNN']} " in torch.__config__.show()
    assert "OpenMP" in libraries
    assert seen.numpy_simd
