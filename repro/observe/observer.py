"""The boundary around every look: a failure becomes a recorded reason, never an exception."""

from collections.abc import Callable
from typing import TypeVar

from repro.facts.fact import Absent
from repro.observe.redaction import masked_text

T = TypeVar("T")


def observed(look: Callable[[], T | Absent]) -> T | Absent:
    """What `look` returns; if it raises, why."""
    try:
        return look()
    except Exception as error:  # the boundary named above
        return Absent(reason=masked_text(f"{type(error).__name__}: {error}"), kind="failed")
