"""The boundary around every look: a failure becomes a recorded reason, never an exception."""

import signal
from collections.abc import Callable
from traceback import walk_tb
from typing import ParamSpec, TypeVar

from repro.facts.fact import Absent
from repro.observe.redaction import masked_text

T = TypeVar("T")
P = ParamSpec("P")


def observed(look: Callable[P, T | Absent], *args: P.args, **kwargs: P.kwargs) -> T | Absent:
    """What `look` returns for these arguments; if it raises, why.

    What a handler of a signal raises is the script's own: a limit of time, say.
    """
    try:
        return look(*args, **kwargs)
    except Exception as error:  # the boundary named above
        if _is_of_a_signal(error):
            raise
        return Absent(reason=masked_text(f"{type(error).__name__}: {error}"), kind="failed")


def _is_of_a_signal(error: Exception) -> bool:
    """Whether it came through a function that handles a signal."""
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    return any(frame.f_code in codes for frame, _ in walk_tb(error.__traceback__))
