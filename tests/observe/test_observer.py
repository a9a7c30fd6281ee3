import pytest

from repro.facts.budget import EXAMPLE
from repro.facts.fact import Absent
from repro.observe.observer import observed


def test_what_was_seen_is_handed_on():
    assert observed(lambda: EXAMPLE) is EXAMPLE


def test_a_failed_look_is_a_recorded_reason_without_secrets():
    def look():
        raise OSError("cannot read postgresql://me:hunter2@db/x")

    assert observed(look) == Absent(
        reason="OSError: cannot read postgresql://<redacted>@db/x", kind="failed"
    )


def test_an_interrupt_is_not_swallowed():
    def look():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observed(look)
