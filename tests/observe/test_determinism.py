import pytest
import torch

from repro.determinism import Controlled
from repro.observe.determinism import at_end


def test_seed_mode_and_switches_are_told_as_they_were_in_effect():
    with Controlled(7) as controlled:
        seen = at_end(controlled, "argument")
    assert (seen.seed, seen.seed_source, seen.mode) == (7, "argument", "strict")
    assert {"python", "numpy", "torch"} <= set(seen.seeded)
    switches = {switch.name: switch.value for switch in seen.switches}
    assert switches == controlled.switches_at_start() != {}
    assert [switch.name for switch in seen.switches] == sorted(switches)
    assert seen.drifted == ()


@pytest.mark.slow
def test_a_switch_that_somebody_changed_meanwhile_is_named():
    with Controlled(7) as controlled:
        torch.use_deterministic_algorithms(False)
        assert "torch.deterministic_algorithms" in at_end(controlled, "argument").drifted


@pytest.mark.parametrize(
    ("variable", "is_random"),
    [("0", False), ("123", False), ("random", True), ("", True), (None, True)],
)
def test_any_fixed_hash_seed_stops_the_randomization(monkeypatch, variable, is_random):
    if variable is None:
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    else:
        monkeypatch.setenv("PYTHONHASHSEED", variable)
    with Controlled(7) as controlled:
        assert at_end(controlled, "argument").hash_randomization == is_random
