"""The boundary around every look: a failure becomes a recorded reason, never an exception."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from repro.facts.fact import Absent
from repro.observe.redaction import masked_text

T = TypeVar("T")
P = ParamSpec("P")


def observed(look: Callable[P, T | Absent], *args: P.args, **kwargs: P.kwargs) -> T | Absent:
    """What `look` returns for these arguments; if it raises, why."""
    try:
        return look(*args, **kwargs)
    except Exception as error:  # the boundary named above
        return Absent(reason=masked_text(f"{type(error).__name__}: {error}"), kind="failed")
