"""Every test here leaves the process as it found it, whatever the code under test did."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from repro.determinism.switches import SWITCHES, give_back


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    switches = [(switch, switch.look()) for switch in SWITCHES]
    states = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    yield
    for switch, value in switches:
        give_back(switch, value)
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
