"""A text of any value; what holds something that cannot be read says so."""

import sys
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from xxhash import xxh3_128, xxh3_128_hexdigest

from repro.digest.state import PROTOCOL, state_of
from repro.facts.fact import Absent
from repro.observe.observer import observed
from repro.trace.format import UNREADABLE

MAX_DEPTH = 120  # of values in values; each takes four of python's frames
CONTENTS = (bool, int, float, complex, str, bytes, tuple, list, dict, set, np.ndarray, np.generic)
CODE = (ModuleType, type, FunctionType, BuiltinFunctionType)  # that is recorded with the run's


class Reading:
    """One value, and all that it is made of; an object that it holds twice is read once."""

    def __init__(self, fingerprint: Callable[[Any], tuple[str, str]]) -> None:
        self._fingerprint = fingerprint
        self._known: dict[int, tuple[Any, str]] = {}  # with the object: or its id is used again
        self._inside: dict[int, int] = {}  # objects that are being read, and how deep they lie

    def text(self, value: Any, depth: int) -> str:
        """Of a short value itself, of any other a digest."""
        if value is None or isinstance(value, bool | int | float):
            return repr(value)  # of a float the shortest text that is this float
        if is_tensor(value):
            return self._fingerprint(value)[0]
        if isinstance(value, str | bytes):
            raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            return f"{type(value).__name__}:{xxh3_128_hexdigest(raw)}"
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "OVM":
            kind = f"{value.dtype}{list(value.shape)}"
            return f"xxh3:{xxh3_128_hexdigest(kind.encode() + value.tobytes())}"
        if depth > MAX_DEPTH:
            return f"{UNREADABLE}: {type(value).__name__}, too deep"
        parts = _parts(value)
        if isinstance(value, set | frozenset):
            texts = sorted(self.text(part, depth + 1) for part in value)
            parts = [_Told(text) if text.startswith(UNREADABLE) else text for text in texts]
        return self._of(value, depth) if parts is None else self._joined(value, parts, depth)

    def _of(self, value: Any, depth: int) -> str:
        """Of an object of some library's own type."""
        if id(value) in self._inside:
            return f"the object {depth - self._inside[id(value)]} levels above"
        if id(value) not in self._known:
            self._inside[id(value)] = depth
            parts = _state(value)
            text = (
                f"{UNREADABLE}: {type(value).__name__}"
                if parts is None
                else self._joined(value, parts, depth)
            )
            del self._inside[id(value)]
            self._known[id(value)] = value, text
        return self._known[id(value)][1]

    def _joined(self, value: Any, parts: list[Any], depth: int) -> str:
        hasher = xxh3_128(type(value).__qualname__.encode())
        unread: list[str] = []
        for part in parts:
            text = part if isinstance(part, _Told) else self.text(part, depth + 1)
            hasher.update(f"{text}\n".encode())
            unread += [text] if text.startswith(UNREADABLE) else []
        digest = f"xxh3:{hasher.hexdigest()}"
        return f"{unread[0].partition(' (')[0]} (with the rest {digest})" if unread else digest


class _Told(str):
    """The text of a part, and not a part."""

    __slots__ = ()


def is_tensor(value: Any) -> bool:
    """Whether it is one of torch's."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _parts(value: Any) -> list[Any] | None:
    """Of a collection; None: it is none."""
    if isinstance(value, np.ndarray):
        names = value.dtype.names  # fields one by one: what lies between them is of no meaning
        fields = [value[name] for name in names] if names else value.tolist()
        return [str(value.dtype), value.shape, *(fields if value.ndim else [fields])]
    if hasattr(value, "iloc"):  # of pandas
        return [value.index.to_numpy(), value.to_numpy(), str(getattr(value, "columns", None))]
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    return list(value) if isinstance(value, tuple | list) else None


def _state(value: Any) -> list[Any] | None:
    """What an object is made of; None: it does not tell."""
    found = observed(_taken_apart, value)
    if not isinstance(found, Absent):
        return found
    reduced = observed(value.__reduce_ex__, PROTOCOL)
    return [] if isinstance(reduced, tuple) else None  # it is made of nothing but its type


def _taken_apart(value: Any) -> list[Any]:
    if isinstance(value, FunctionType):
        return list(_function(value))
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_consts]
    return [value.__name__] if isinstance(value, ModuleType) else state_of(value)


def _function(function: FunctionType) -> Iterator[Any]:
    """Its name where it has one; else its code, and all that the code uses."""
    yield f"{function.__module__}.{function.__qualname__}"
    if not ("<" in function.__qualname__ or function.__closure__):
        return
    yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    for name in function.__code__.co_names:
        used = function.__globals__.get(name)
        if isinstance(used, CONTENTS) or is_tensor(used):
            yield used
        elif not (used is None or isinstance(used, CODE)):
            yield _Told(f"{UNREADABLE}: {type(used).__name__} {name}")
