import random
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import pytest
import torch
from torch.distributed import HashStore

from repro import ranks
from repro.determinism import Controlled
from repro.ending import Ending
from repro.errors import RanksDisagree, ReproError, StoreUnavailable
from repro.ranks import Gang, join
from repro.store.mlflow import OpenRun

WORLD = 3


def gang(seconds=10.0):
    store = HashStore()
    return [Gang(rank, WORLD, store, seconds) for rank in range(WORLD)]


def together(act):
    """What each of three ranks makes of it at the same time, be it an exception."""

    def outcome(member):
        try:
            return act(member)
        except ReproError as error:
            return error

    with ThreadPoolExecutor(WORLD) as pool:
        return list(pool.map(outcome, gang()))


def test_every_rank_goes_on_with_what_rank_0_has_drawn():
    settings = {"seed": "drawn", "deterministic": "strict"}
    found = together(lambda one: one.agree(settings, [one.rank + 7, "drawn", f"name {one.rank}"]))
    assert found == [[7, "drawn", "name 0"]] * WORLD


def test_every_rank_raises_the_same_where_one_is_set_up_otherwise():
    found = together(
        lambda one: one.agree({"params lr": "0.1", "seed": str(one.rank // 2)}, [0, "argument", ""])
    )
    assert {type(error) for error in found} == {RanksDisagree}
    assert {str(error) for error in found} == {
        "the ranks are not set up alike: seed is 0 on ranks 0, 1, and 1 on rank 2. "
        "One run has one configuration: start every rank with the same."
    }


def test_ranks_that_do_not_come_are_named_after_the_time_is_up():
    first, second, _ = gang(seconds=0.02)
    second.put("contract/1", {})
    with pytest.raises(RanksDisagree) as refused:
        first.agree({}, [])
    assert str(refused.value) == (
        "rank 2 of 3 did not enter tracked_run within 0.02 s. Every rank has to enter it, "
        "also where rank 0 alone would log: rank 0 records the run."
    )
    with pytest.raises(RanksDisagree, match=r"^rank 2 of 3 did not enter"):
        second.agree({}, [])


def test_a_rank_without_rank_0_says_so():
    with pytest.raises(RanksDisagree) as refused:
        gang(seconds=0.01)[1].agree({}, [])
    assert str(refused.value) == (
        "rank 0 of 3 did not enter tracked_run within 0.02 s; rank 1 did. "
        "Every rank has to enter the same tracked_run blocks."
    )


def test_the_other_ranks_follow_the_run_of_rank_0_and_send_nothing():
    uri = "https://user:pass@host/"
    opened = together(lambda one: one.opened(lambda: OpenRun("ab12", "1", uri, True, print)))
    assert [run.run_id for run in opened] == ["ab12"] * WORLD
    assert [run.is_attached for run in opened] == [True, False, False]
    assert "pass" not in opened[1].tracking_uri


def test_where_rank_0_cannot_open_the_run_the_others_tell_why():
    def refuse():
        raise StoreUnavailable("no store can be written")

    found = together(lambda one: one.opened(refuse))
    assert [str(error) for error in found] == [
        "no store can be written",
        *["rank 0 could not open the run: StoreUnavailable: no store can be written"] * 2,
    ]


def test_rank_0_notes_how_the_others_ended_and_whom_it_did_not_hear_of(monkeypatch):
    monkeypatch.setitem(ranks.PATIENCE, "FAILED", 0.0)
    first, second, _ = gang()
    second.said = {"drift": {"step": 3, "tensor": "w", "n_tensors": 2}, "twin": {"step": 1}}
    assert not second.end(Ending("KILLED", reason="SIGTERM"), ["a note"])
    notes: list[str] = []
    assert first.end(Ending("FAILED"), notes)
    assert notes == [
        "rank 1: a note",
        "rank 1 KILLED: SIGTERM",
        "the parameters of rank 1 are not those of rank 0, first seen before step 3: w and 1 more",
        "rank 1 draws the random numbers of rank 0, seen before step 1: dropout and augmentation "
        "repeat. Leave the seeding to tracked_run",
        "nothing was heard of rank 2 of 3 at the end",
    ]


def test_ranks_that_cannot_meet_have_a_run_each_and_a_note(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    notes = []
    assert join(notes) is None
    assert notes == [
        "rank 1 of 2 has a run of its own, and nothing was compared: ValueError: Error "
        "initializing torch.distributed using env:// rendezvous: environment variable "
        "MASTER_ADDR expected, but not set"
    ]


def test_a_child_process_with_the_variables_of_a_rank_does_not_speak_for_it(monkeypatch):
    store = HashStore()
    monkeypatch.setattr(ranks, "_store", lambda *_: store)
    monkeypatch.setattr(ranks, "_entries", repeat(0))
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    notes = []
    assert (join(notes).rank, notes) == (1, [])
    assert join(notes) is None
    assert "whose variables it has inherited" in notes[0]


@pytest.mark.parametrize(("rank", "world"), [("0", "1"), ("", ""), ("a", "2")])
def test_a_process_alone_joins_nothing(monkeypatch, rank, world):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    notes = []
    assert (join(notes), notes) == (None, [])


def test_each_rank_draws_other_numbers_and_rank_0_those_of_the_seed():
    drawn = []
    for rank in (None, 0, 1, 2):
        with Controlled(1, "off", **({} if rank is None else {"rank": rank})) as controlled:
            drawn.append((random.random(), np.random.random(), torch.rand(1).item()))
            assert controlled.seed == 1
    assert drawn[0] == drawn[1]
    assert all(len(set(column)) == WORLD for column in zip(*drawn[1:], strict=True))
