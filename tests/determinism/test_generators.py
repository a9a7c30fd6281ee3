import random

import numpy as np
import pytest
import torch

from repro.determinism.controlled import Controlled
from repro.determinism.generators import GENERATORS, seed_generators
from repro.determinism.streams import isolated


def draw():
    """Odd numbers of draws, so that a cached second normal deviate matters."""
    return random.gauss(0, 1), np.random.standard_normal(), torch.randn(3).tolist()


def leave(block, how):
    """Draw and reseed inside a block, and leave it the given way."""
    with block:
        draw()
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        draw()
        if how is not None:
            raise how


@pytest.mark.parametrize("how", [None, ValueError("training"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("block", [isolated, lambda: Controlled(3, "off")])
def test_every_generator_goes_on_as_if_the_block_had_not_been(block, how):
    draw()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = draw()
    random.setstate(states[0]), np.random.set_state(states[1]), torch.set_rng_state(states[2])
    if how is None:
        leave(block(), how)
    else:
        with pytest.raises(type(how)):
            leave(block(), how)
    assert draw() == expected


def test_each_generator_is_seeded_with_the_plain_seed():
    seed = 2**40 + 2**31 + 5
    with Controlled(seed) as block:
        drawn = random.random(), np.random.random(), torch.rand(2).tolist()
    assert block.seeded == ("python", "numpy", "torch")
    with isolated():
        random.seed(seed), np.random.seed(seed % 2**32), torch.manual_seed(seed)
        assert drawn == (random.random(), np.random.random(), torch.rand(2).tolist())


def test_another_bit_generator_of_numpy_is_taken_out_again():
    np.random.seed(4)
    expected = np.random.random()
    np.random.seed(4)
    mersenne = np.random.get_bit_generator()
    with isolated():
        np.random.set_bit_generator(np.random.PCG64(1))
        np.random.random()
    assert np.random.get_bit_generator() is mersenne
    assert np.random.random() == expected


def test_a_bit_generator_of_the_users_own_is_given_back_too():
    mersenne = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    expected = np.random.random()
    np.random.set_bit_generator(np.random.PCG64(1))
    with Controlled(3) as block:
        np.random.random(3)
    assert np.random.random() == expected
    np.random.set_bit_generator(mersenne)
    assert block.seeded == ("python", "torch")


def test_seeds_that_wait_for_cuda_to_start_are_not_replaced():
    torch.manual_seed(1)
    torch.cuda.manual_seed(5)
    waiting = dict(vars(torch.cuda._lazy_seed_tracker))
    with Controlled(3):
        assert vars(torch.cuda._lazy_seed_tracker) != waiting
    assert vars(torch.cuda._lazy_seed_tracker) == waiting
    assert not torch.cuda.is_initialized()


@pytest.fixture
def fake_cuda(monkeypatch):
    """CUDA with two devices whose state is one number each; `started` says whether it runs."""

    class FakeCuda:
        started = True
        states = [10, 20]  # noqa: RUF012

        def seed_all(self):
            self.states = [0, 0]

    fake = FakeCuda()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: fake.started)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: list(fake.states))
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda s: setattr(fake, "states", s))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda s: setattr(fake, "states", [s, s]))
    monkeypatch.setattr(torch.cuda, "seed_all", fake.seed_all)
    return fake


def test_all_devices_are_seeded_named_and_given_back(fake_cuda):
    with Controlled(3) as block:
        assert fake_cuda.states == [3, 3]
        assert block.seeded == ("python", "numpy", "torch", "torch.cuda:0", "torch.cuda:1")
    assert fake_cuda.states == [10, 20]


def test_cuda_that_starts_inside_is_left_as_it_would_have_started(fake_cuda, monkeypatch):
    fake_cuda.started = False
    queued = (lambda: fake_cuda.states.__setitem__(1, 5), "traceback")
    monkeypatch.setattr(torch.cuda._lazy_seed_tracker, "call_order", [None, queued])
    with Controlled(3):
        fake_cuda.started, fake_cuda.states = True, [3, 3]
    assert fake_cuda.states == [0, 5]


def test_a_module_that_is_not_imported_is_neither_seeded_nor_imported(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    assert seed_generators("numpy", 1) == ()


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: g.name)
def test_what_a_generator_reads_it_takes_back(generator):
    generator.write(generator.read())
