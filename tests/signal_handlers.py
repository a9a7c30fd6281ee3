"""Handlers of signals: set for the time of a block, and looked after."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import pytest

TERM, HUP = signal.SIGTERM, signal.SIGHUP


@pytest.fixture
def handlers_given_back() -> Iterator[None]:
    """The test leaves the handlers that it found."""
    before = [signal.getsignal(number) for number in (TERM, HUP)]
    yield
    assert [signal.getsignal(number) for number in (TERM, HUP)] == before


@contextlib.contextmanager
def handler(number: int, taken: Callable[..., object] | signal.Handlers) -> Iterator[None]:
    """A handler of the user's, before the block."""
    before = signal.signal(number, taken)
    try:
        yield
    finally:
        signal.signal(number, before)
