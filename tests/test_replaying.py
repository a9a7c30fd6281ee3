"""A process that `repro replay` has started says so in its runs, whatever its script asks for."""

import json

import pytest

import repro
from repro.errors import UsageError
from repro.facts.determinism import Determinism
from repro.facts.execution import Execution
from repro.replaying import Orders, orders

ORIGINAL = "4d6f" * 8


@pytest.fixture
def ordered(project, monkeypatch):
    given = Orders(ORIGINAL, project.uri, str(project.root), {1: 77})
    for name, value in given.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("repro.opening.run_number", iter([1, 2]).__next__)
    assert orders() == given
    return project


@pytest.mark.slow
def test_the_runs_of_a_replay_are_linked_to_the_original_and_count_in_no_arm(ordered, tmp_path):
    elsewhere = f"sqlite:///{tmp_path}/other.db"
    with repro.tracked_run("net", tracking_uri=elsewhere, tags={"arm": "a"}, quiet=True) as run:
        assert run.seed == 77  # where the original drew one
    with repro.tracked_run("net", seed=5, quiet=True) as second:
        assert second.seed == 5
    assert ordered.history.find_runs() == []
    assert ordered.history.find_replays(ORIGINAL) == [run.run_id, second.run_id]
    record = ordered.record(run.run_id)
    assert record.name == "net replay"
    assert record.find(Execution).replay_of == ORIGINAL
    assert record.find(Determinism).seed_source == "drawn"
    found = ordered.history.client.get_run(run.run_id).data.tags
    assert (found["repro.replay_of"], found["arm"]) == (ORIGINAL, "a")


WHOLE = {"tracking_uri": "sqlite:///x.db", "root": "/x", "seeds": {"1": 7}}
HINT = "Only `repro replay` sets REPRO_REPLAY_OF and REPRO_REPLAY_ORDERS: unset both."


@pytest.mark.parametrize(
    "told",
    [
        "x",
        "{}",
        "[]",
        "3",
        *(json.dumps({**WHOLE, "seeds": one}) for one in ([], {"1": "x"}, {"1": 0.5})),
    ],
)
def test_orders_that_no_replay_gave_are_refused(monkeypatch, told):
    monkeypatch.setenv("REPRO_REPLAY_OF", ORIGINAL)
    monkeypatch.setenv("REPRO_REPLAY_ORDERS", told)
    with pytest.raises(UsageError) as caught:
        orders()
    assert str(caught.value) == f"REPRO_REPLAY_ORDERS: {told[:60]!r} is not orders. {HINT}"


@pytest.mark.parametrize(
    ("run_id", "told", "why"),
    [
        (ORIGINAL, None, "REPRO_REPLAY_ORDERS: is not set"),
        (None, json.dumps(WHOLE), "REPRO_REPLAY_OF: is not set"),
        ("x" * 99, json.dumps(WHOLE), f"REPRO_REPLAY_OF: '{'x' * 60}' is not the id of a run"),
    ],
)
def test_one_variable_of_a_replay_alone_is_refused(monkeypatch, run_id, told, why):
    for name, value in (("REPRO_REPLAY_OF", run_id), ("REPRO_REPLAY_ORDERS", told)):
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        orders()
    assert str(caught.value) == f"{why}. {HINT}"
