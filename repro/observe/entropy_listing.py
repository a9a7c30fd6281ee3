"""Listings of folders in the order of the file system, which is another on another machine.

Python tells every listing as an audit event. Whether its order matters is read from the source of
the caller: only a listing whose order goes into a list is told, and only if nothing is sorted
around it.
"""

import ast
import functools
import glob
import pathlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from repro.observe.entropy_order import (
    fate_in_statement,
    is_forgotten,
    parents_of,
    scope_of,
    sorts,
    within,
)
from repro.observe.entropy_place import (
    Place,
    Span,
    expression_at,
    frames_above,
    last_name,
    owner_of,
    place_of,
    tree_of,
)
from repro.observe.observer import observed

EVENTS = frozenset({"os.listdir", "os.scandir"})  # glob, pathlib and os.walk ask for these
LISTING = frozenset({"glob", "iglob", "iterdir", "listdir", "rglob", "scandir", "walk"})
MAX_CALLERS = 3  # that hand the listing on
ASKING = ("<frozen os>", glob.__file__)
PATHLIB = pathlib.__name__

_LOCK = threading.Lock()  # while blocks of several threads begin and end

Hear = Callable[[Place], None]


@dataclass
class Ear:
    """What the one audit hook of this process tells; it can never be removed."""

    hears: tuple[Hear, ...] = ()

    @contextmanager
    def telling(self, hear: Hear) -> Iterator[None]:
        """A block in which every listing whose order is kept is told."""
        with _LOCK:
            self.hears = (*self.hears, hear)
        try:
            yield
        finally:
            with _LOCK:
                self.hears = tuple(one for one in self.hears if one != hear)

    def heard(self, event: str, _: object) -> None:
        """Called by Python at every audited event."""
        if self.hears and event in EVENTS:
            place = observed(_unordered, sys._getframe(1))
            if isinstance(place, Place):
                for hear in self.hears:
                    observed(hear, place)


@functools.cache
def ear() -> Ear:
    """The one of this process; hooked up when it is first asked for."""
    made = Ear()
    sys.addaudithook(made.heard)
    return made


def _unordered(frame: FrameType) -> Place | None:
    """Where the user's code keeps a listing in its order; None: nowhere, or it is not theirs."""
    for one in frames_above(frame):
        file = one.f_code.co_filename
        if owner_of(file) == "user":
            return _judged(one, MAX_CALLERS)
        if file not in ASKING and PATHLIB not in file:
            return None
    return None


def _judged(frame: FrameType, n_callers: int) -> Place | None:
    place = place_of(frame)
    if place.span is None:
        return None
    is_handed_on = n_callers < MAX_CALLERS
    fate = fate_of(place.file, place.span, is_handed_on)
    caller = frame.f_back
    if fate == "kept":
        return None if _is_sorted_by(caller, frame) else place
    if fate != "returned" or caller is None or not n_callers:
        return None
    if owner_of(caller.f_code.co_filename) != "user":
        return None
    return _judged(caller, n_callers - 1)


def _is_sorted_by(caller: FrameType | None, frame: FrameType) -> bool:
    """Whether the function that called this one sorts anything: what it is given, perhaps."""
    if caller is None or frame.f_code.co_name == "<module>":
        return False
    place = place_of(caller)
    return place.span is not None and _is_sorting(place.file, place.span)


@functools.lru_cache(maxsize=1024)
def _is_sorting(file: str, span: Span) -> bool:
    tree = tree_of(file)
    if tree is None:
        return False
    parents = parents_of(tree)
    node = _at(file, span)
    return node is not None and any(map(sorts, within(scope_of(node, parents))))


@functools.lru_cache(maxsize=1024)
def fate_of(file: str, span: Span, is_handed_on: bool) -> str:
    """What becomes of the order of a listing: kept, returned, or empty: nothing that is known."""
    tree = tree_of(file)
    if tree is None:
        return ""
    parents, node = parents_of(tree), _at(file, span)
    if node is None or not (is_handed_on or any(map(_is_listing, ast.walk(node)))):
        return ""
    if is_forgotten(node, parents):
        return ""
    return fate_in_statement(node, parents)


def _at(file: str, span: Span) -> ast.AST | None:
    """The expression; of a loop, which Python 3.11 tells as a whole, what it goes through."""
    found = expression_at(file, span)
    return found.iter if isinstance(found, ast.For) else found


def _is_listing(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in LISTING
