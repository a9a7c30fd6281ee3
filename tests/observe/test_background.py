"""A look on a thread of its own neither holds up the training nor breaks it."""

import threading
import time

import pytest

from repro.facts.fact import Absent
from repro.observe.background import Background


def test_what_was_seen_is_given_to_everybody_who_asks():
    look = Background(lambda: "seen", "code")
    assert look.result(5) == "seen"
    assert look.seen(0) == "seen"


def test_while_it_looks_there_is_nothing_and_nobody_waits_longer_than_asked():
    may_end = threading.Event()
    look = Background(lambda: may_end.wait() and "seen", "code")
    start = time.monotonic()
    assert look.seen(0.01) is None
    assert look.result(0.01) == Absent(
        reason="the code was not read within 0.01 seconds", kind="failed"
    )
    assert time.monotonic() - start < 1
    may_end.set()
    assert look.result(5) == "seen"


def test_a_failure_becomes_the_reason():
    look = Background(lambda: 1 / 0, "code")
    assert look.result(5) == Absent(reason="ZeroDivisionError: division by zero", kind="failed")


@pytest.mark.parametrize("thread", [True])
def test_it_does_not_keep_the_process_alive(thread):
    may_end = threading.Event()
    Background(may_end.wait, "code of the test")
    (own,) = [it for it in threading.enumerate() if it.name == "repro-code of the test"]
    assert own.daemon is thread
    may_end.set()
