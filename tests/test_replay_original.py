"""What a replay is compared with is what the run has left, as its record names it."""

from types import SimpleNamespace

import pytest

from repro.audit.example import example_record
from repro.digest import digest_bytes
from repro.facts.fact import Absent
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.trace import EXAMPLE as TRACE
from repro.replay_original import _trace
from repro.trace.format import Event, Look, Writer


def content(weight="aa"):
    writer = Writer("light")
    return writer.head + writer.lines(Event("final", 3, looks=(Look("final", {"w": weight}),)))


def found(stored, *facts, **absent):
    history = SimpleNamespace(find_artifact=lambda run_id, path: stored)
    return _trace(history, example_record(*facts, **absent))


def named(stored):
    return TRACE.but(digest=digest_bytes(stored))


def test_the_trace_that_the_record_names_is_read():
    trace, why = found(content(), named(content()))
    assert trace is not None
    assert (trace.end.step, why) == (3, "")


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (content("bb"), "repro/trace.jsonl was changed after the run"),  # its chain is in order
        (Writer("light").head, "repro/trace.jsonl was changed after the run"),
        (None, "repro/trace.jsonl is gone"),
    ],
)
def test_a_trace_that_was_changed_or_cut_after_the_run_is_none(stored, why):
    assert found(stored, named(content())) == (None, why)


def test_a_trace_that_no_record_names_is_read_only_of_a_run_that_was_killed():
    absent = {"trace": Absent(reason="ImportError: torch", kind="failed")}
    assert found(None, **absent) == (None, "ImportError: torch")
    assert found(content(), **absent) == (None, "its record does not name repro/trace.jsonl")
    trace, _ = found(content(), OUTCOME.but(status="KILLED"), **absent)
    assert trace is not None
