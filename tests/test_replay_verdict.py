"""The verdict on a replay: the contract first, then the bits, and no proof without a look."""

from dataclasses import replace

import numpy as np
import pytest

from repro.audit.example import example_record
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.entropy import EXAMPLE as ENTROPY
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.scores import EXAMPLE as SCORES
from repro.replay_verdict import Left, compared
from repro.trace.format import Event, Look, Trace


def step(number, weight="aa"):
    looks = (Look("loss", {"0": "0.5"}), Look("updated", {"w": weight}))
    return Event("step", number, looks=looks)


def end(number, weight="aa"):
    return Event("final", number, looks=(Look("final", {"w": weight}),))


TRACE = Trace("full", (step(0), step(1), end(2)))


def left(*facts, trace=TRACE, series=()):
    return Left(example_record(*facts), trace, "none was recorded", dict(series))


def verdict(original, replay, **options):
    return str(compared(original, replay, **options))


def other_score(**changes):
    (score,) = SCORES.scored
    return SCORES.but(scored=(score.model_copy(update=changes),))


def test_equal_bits_that_were_looked_at_are_identical():
    found = compared(left(series={"loss": [(0, 0.5)]}), left(series={"loss": [(0, 0.5)]}))
    assert (str(found), found.exit_code) == ("identical", 0)
    compared_things = "2 of 1,000 steps, the weights at the end, 1 score, 1 metric"
    assert found.details == (("compared", compared_things),)


def test_the_first_difference_of_the_traces_is_named_with_both_sides():
    other = replace(TRACE, events=(step(0), step(1, "bb"), end(2, "bb")))
    found = compared(left(), left(trace=other))
    assert (str(found), found.exit_code) == ("diverged(step 1, updated, w)", 1)
    assert found.details == (("recorded", "aa"), ("now", "bb"), ("equal up to", "step 0"))


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        (
            left(other_score(value=float(np.nextafter(0.95, 1)))),
            "diverged(step 4, score, test/accuracy)",
        ),
        (left(other_score(per_example_digest="x")), "diverged(step 4, score, test/accuracy)"),
        (left(SCORES.but(scored=())), "diverged(step 4, score, test/accuracy)"),
        (left(DATA.but(roles=DATA.roles[:1])), "diverged(data, test)"),
    ],
)
def test_what_the_trace_does_not_hold_is_compared_too(replay, expected):
    assert verdict(left(), replay) == expected


def test_a_series_diverges_at_the_first_step_that_differs():
    before = left(series={"a": [(0, 1.0), (1, 2.0)], "b": [(0, 1.0), (1, float("nan"))]})
    after = left(series={"a": [(0, 1.0), (1, 2.5)], "b": [(0, 1.0), (1, float("nan"))]})
    assert verdict(before, before) == "identical"
    assert verdict(before, after) == "diverged(step 1, metric, a)"
    assert verdict(before, left(series={"a": [(0, 1.0)]})) == "diverged(step 0, metric, b)"


def test_a_series_that_differs_alone_says_that_the_weights_do_not():
    found = compared(left(series={"val/loss": [(3, 0.5)]}), left(series={"val/loss": [(3, 0.25)]}))
    assert (str(found), found.exit_code) == ("diverged(step 3, metric, val/loss)", 1)
    assert found.details[2:] == (
        ("series", "val/loss"),
        ("weights", "equal at the end, bit for bit: only what was logged differs"),
    )


def test_measured_time_is_told_and_makes_no_run_diverge():
    name = "epoch_seconds"
    before, after = ({"series": {name: [(0, 1.5)]}}, {"series": {name: [(0, 1.25)]}})
    found = compared(left(**before), left(**after))
    assert (str(found), found.exit_code) == ("identical", 0)
    assert found.details[1:] == (("differs", "epoch_seconds: measured time, not compared"),)
    unseen = compared(left(**before, trace=None), left(**after))
    assert (unseen.kind, unseen.details) == ("incomplete trace", found.details[1:])


def test_what_cannot_be_read_is_no_proof():
    unread = Look("final", {"w": "unreadable: Wrapped"})
    closed = left(trace=replace(TRACE, events=(step(0), Event("final", 1, looks=(unread,)))))
    assert verdict(closed, closed) == "incomplete trace(w cannot be read)"


def test_a_trace_that_has_lost_its_end_is_no_proof():
    cut = left(trace=replace(TRACE, events=TRACE.events[:2]))
    assert verdict(cut, cut) == "incomplete trace(the run shows no weights: call run.watch(model))"


def test_measurements_of_the_machine_are_no_bits_of_the_training():
    name = "system/cpu_utilization_percentage"
    assert verdict(left(series={name: [(0, 1.0)]}), left()) == "identical"


def test_the_contract_comes_before_the_bits():
    other = ENVIRONMENT.but(python="3.12.1")
    found = compared(left(), left(other, other_score(value=0.5)))
    assert (str(found), found.exit_code) == ("environment not equivalent(environment.python)", 3)


def test_a_replay_that_imported_other_code_is_no_replay():
    (module,) = CODE.modules
    other = CODE.but(modules=({"path": module.path, "digest": "blake3:bb"},))
    assert verdict(left(), left(other)) == "not re-executable(it imported other code: train.py)"


def test_a_replay_that_fails_where_the_run_did_not_is_no_proof():
    failed = OUTCOME.but(status="FAILED", error="FileNotFoundError: data/x.csv")
    why = "the replay ended as FAILED: FileNotFoundError: data/x.csv"
    assert verdict(left(), left(failed)) == f"not re-executable({why})"
    assert verdict(left(failed), left(failed)) == "identical"


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (None, "the run has no trace: none was recorded"),
        (Trace("light", ()), "the run shows no weights: call run.watch(model)"),
        (
            Trace("light", (Event("score", 0, looks=(Look("score", {"a": "1"}),)),)),
            "the run shows no weights: call run.watch(model)",
        ),
    ],
)
def test_a_trace_that_saw_nothing_is_no_proof(trace, why):
    found = compared(left(trace=trace), left(trace=trace))
    assert (str(found), found.exit_code) == (f"incomplete trace({why})", 3)


def test_a_run_that_was_killed_is_compared_as_far_as_it_came_and_proves_nothing():
    killed = left(OUTCOME.but(status="KILLED"), trace=replace(TRACE, events=TRACE.events[:1]))
    assert verdict(killed, left()).startswith("incomplete trace(")
    ended = left(OUTCOME.but(status="KILLED"))
    assert verdict(ended, ended) == "incomplete trace(the run did not come to its end)"
    other = replace(TRACE, events=(step(0, "bb"),))
    assert verdict(killed, left(trace=other)) == "diverged(step 0, updated, w)"


def test_up_to_a_step_nothing_later_counts():
    cut = replace(TRACE, events=(step(0),))
    ended = left(other_score(value=0.5), trace=cut)
    assert verdict(left(), ended, until=0) == "identical"
    other = replace(TRACE, events=(step(0, "bb"),))
    assert verdict(left(), left(trace=other), until=0) == "diverged(step 0, updated, w)"


def lossy(number, optimizer=0):
    return Event("step", number, optimizer, (Look("loss", {"0": "0.5"}),))


def test_up_to_a_step_the_weights_must_have_been_compared_at_it():
    light, full = (left(trace=Trace("light", (step(0), last))) for last in (lossy(1), step(1)))
    why = "weights were last compared at step 0, losses at step 1: --until 0 can be proved"
    assert verdict(light, full, until=1) == f"incomplete trace({why})"
    assert verdict(light, full, until=0) == "identical"
    second = left(trace=Trace("light", (step(0), lossy(0, optimizer=1))))
    why = "weights were compared at no step, losses up to step 0"
    assert verdict(second, second, until=0) == f"incomplete trace({why})"


def test_a_source_of_randomness_is_suspected_unless_the_run_has_seeded_it():
    other = replace(TRACE, events=(step(0), step(1, "bb"), end(2, "bb")))
    found = compared(left(), left(ENTROPY.but(mode="record"), trace=other))
    assert ("suspect", "train.py:12 unseeded: default_rng()") in found.details
