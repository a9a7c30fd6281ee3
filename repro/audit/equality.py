"""When two recorded values are one: by meaning, not by spelling, rounding or place."""

import ast
import math
import re
from fnmatch import fnmatchcase
from pathlib import PureWindowsPath
from typing import TypeGuard

from repro.facts import fact_types
from repro.facts.fact import Scalar

# Absolute, or of here; `org/name` is no place, it may be a model on a hub.
PLACE = re.compile(r"(/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\]|file://)")
SET = re.compile(r"(frozenset\()?\{.+\}\)?", re.DOTALL)


def same_at(path: str, left: Scalar, right: Scalar) -> bool:
    """Whether the values of two runs at one path are one.

    As `same`; numbers also within the tolerance of their fact. Of a parameter that is a place the
    last part counts, for machines keep their files in other folders, and sets have no order.
    """
    if same(left, right) or _is_tolerated(path, left, right):
        return True
    if not (path.startswith("params.") and isinstance(left, str) and isinstance(right, str)):
        return False
    return _is_one_set(left, right) or _is_one_file(left, right)


def folded(value: Scalar) -> Scalar:
    """A text without regard to its case."""
    return value.casefold() if isinstance(value, str) else value


def same(left: Scalar, right: Scalar) -> bool:
    """Whether two recorded values are one: floats within 1e-9, numbers also as text."""
    if isinstance(left, str) != isinstance(right, str):
        left, right = _as_number(left), _as_number(right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(left, bool) == isinstance(right, bool):
            return left == right or _is_close(left, right)
        return False
    return left == right


def _is_close(left: float, right: float) -> bool:
    """Whether a float is the other number but for rounding; whole numbers are never rounded."""
    try:
        is_rounded = float in (type(left), type(right))
        return is_rounded and math.isclose(left, right, rel_tol=1e-9)
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_tolerated(path: str, left: Scalar, right: Scalar) -> bool:
    kind = fact_types().get(path.partition(".")[0])
    if kind is None or not (_is_number(left) and _is_number(right)):
        return False
    allowed = (within for glob, within in kind.TOLERANCE.items() if fnmatchcase(path, glob))
    return any(math.isclose(left, right, rel_tol=within) for within in allowed)


def _is_number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_one_set(left: str, right: str) -> bool:
    """Whether two texts spell one Python set, whose order follows from random hashes."""
    if not (SET.fullmatch(left) and SET.fullmatch(right)):
        return False
    try:
        return _members(left) == _members(right)
    except (ValueError, SyntaxError, TypeError):  # no literals, or cut in the middle
        return False


def _members(text: str) -> frozenset[object]:
    found = ast.literal_eval(text.removeprefix("frozenset(").removesuffix(")"))
    if not isinstance(found, set):
        raise TypeError(f"{text!r} is no set")
    return frozenset(found)


def _is_one_file(left: str, right: str) -> bool:
    """Whether two places end in one name; `PureWindowsPath` knows both kinds of slash."""
    names = [PureWindowsPath(text).name for text in (left, right) if PLACE.match(text)]
    return len(names) == 2 and names[0] == names[1] != ""


def _as_number(value: Scalar) -> Scalar:
    """The number or truth value that a text spells; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value in ("True", "true", "False", "false"):
        return value in ("True", "true")
    try:
        return float(value) if re.search(r"\d", value) else value
    except ValueError:
        return value
