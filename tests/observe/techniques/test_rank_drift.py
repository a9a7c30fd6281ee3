from dataclasses import dataclass, field

import pytest
import torch
from watched_training import facts, watching

from repro.facts.fact import Absent
from repro.facts.ranks import Ranks
from repro.observe.techniques import ranks as technique


@dataclass
class Shelf:
    """A channel in memory."""

    rank: int
    shelf: dict
    world: int = 2
    n_agreed: int = 5
    said: dict = field(default_factory=dict)
    heard: dict = field(default_factory=dict)

    def put(self, name, value):
        self.shelf[name] = value

    def find(self, name):
        return self.shelf.get(name)


def trained(shelf, n_steps, *, nudge=None, watched=True):
    torch.manual_seed(shelf.rank)
    model = torch.nn.Linear(2, 2)
    torch.nn.init.ones_(model.weight)
    torch.nn.init.ones_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.audience.tell("joined", shelf)
        training.hook_optimizers()
        if watched:
            training.watch(model, optimizer, None)
        for step in range(n_steps):
            if step == nudge:
                model.bias.data[1] = torch.nextafter(model.bias.data[1], torch.tensor(9.0))
            optimizer.zero_grad()
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
    return training


def gang(n_steps, n_steps_of_first=None, **options):
    """The fact of rank 0, whose other rank is trained first or later: nobody waits."""
    shelf = {}
    first = Shelf(0, shelf)
    training = trained(first, n_steps_of_first or n_steps, watched=options.get("watched", True))
    second = Shelf(1, shelf)
    trained(second, n_steps, **options)
    first.heard = {1: {"status": "FINISHED", "error": None, **second.said}}
    return facts(training)["ranks"]


def test_one_unit_in_the_last_place_of_one_weight_is_drift_from_that_step_on():
    found = gang(6, nudge=4)
    (drift,) = found.drift
    assert (drift.rank, drift.step, drift.tensor, drift.n_tensors) == (1, 4, "bias", 1)
    assert (found.n_looks, found.n_compared, found.twins) == (6, 6, ())


def test_ranks_that_stay_equal_have_no_drift():
    assert gang(20).drift == ()


def test_without_a_model_the_tensors_of_the_optimizer_are_numbered():
    (drift,) = gang(3, nudge=1, watched=False).drift
    assert drift.tensor == "group 0 tensor 1 (2,)"


def test_steps_that_rank_0_has_not_made_are_not_compared(monkeypatch):
    monkeypatch.setattr(technique, "LAST_SECONDS", 0.0)
    found = gang(6, n_steps_of_first=2, nudge=4)
    assert (found.n_looks, found.n_compared, found.drift) == (2, 2, ())


def test_a_rank_that_said_nothing_was_not_compared():
    first = Shelf(0, {})
    found = facts(trained(first, 2))["ranks"]
    assert (found.n_compared, found.silent) == (0, (1,))


def test_after_many_looks_rare_ones_follow(monkeypatch):
    monkeypatch.setattr(technique, "MAX_LOOKS", 3)
    first = Shelf(0, {})
    trained(first, 8)
    assert list(first.shelf) == ["look/0", "look/1", "look/2"]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_store_that_is_gone_ends_the_comparison_and_not_the_training(rank):
    class Gone(Shelf):
        def put(self, name, value):
            raise RuntimeError("connection reset")

        find = put

    channel = Gone(rank, {})
    channel.find = lambda name: channel.put(name, None)
    training = trained(channel, 3)
    assert training.n_steps == 3
    assert isinstance(facts(training)["ranks"], Absent)


def test_one_process_has_no_ranks():
    with watching() as training:
        assert facts(training)["ranks"].kind == "not_applicable"
    assert Ranks.IGNORED == ("ranks.*",)
