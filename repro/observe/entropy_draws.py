"""Which global generators a function draws from, as its bytecode tells.

Only what is reached by name from a global (`np.random.rand`, `helper`) or from `self` is followed,
and only into the user's own functions: what is not found is not claimed.
"""

import dis
import functools
import random
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from repro.observe.entropy_place import owner_of

MAX_DEPTH = 3  # of functions that call functions
LOADS = ("LOAD_ATTR", "LOAD_METHOD")
TORCH_DRAWS = ("bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm")
SEEDING = (
    *("default_rng", "manual_seed", "seed", "seed_everything"),
    *("set_seed", "set_state", "setstate"),
)
READING = ("get_state", "getstate")


def global_draws(function: object) -> frozenset[str]:
    """Libraries whose global generator it draws from; none, if it seeds anything, too."""
    found = frozenset(_reached(_plain(function), MAX_DEPTH))
    return frozenset() if "seeding" in found else found


def _plain(function: object) -> FunctionType | None:
    """Without what binds arguments to it; `ProcessPoolExecutor.map` binds the function, too."""
    while isinstance(function, functools.partial):
        held = [one for one in (*function.args, function.func) if isinstance(one, FunctionType)]
        function = next(iter(held), function.func)
    function = getattr(function, "__func__", function)
    return function if isinstance(function, FunctionType) else None


def _reached(function: FunctionType | None, depth: int) -> Iterator[str]:
    if function is None or not depth or owner_of(function.__code__.co_filename) != "user":
        return
    for code in codes(function.__code__):
        for found in _named(code, function.__globals__):
            library = _library(found, code)
            if library:
                yield library
            else:
                yield from _reached(_plain(found), depth - 1)


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and of those that are written inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def _named(code: CodeType, scope: dict[str, Any]) -> Iterator[object]:
    """What the dotted names in a code stand for; only modules are looked into."""
    found: object = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            if found is not None:
                yield found
            found = scope.get(str(instruction.argval))
        elif instruction.opname in LOADS and isinstance(found, ModuleType):
            found = vars(found).get(str(instruction.argval))  # asked for, it might import something
        elif found is not None:
            yield found
            found = None


def _library(found: object, code: CodeType) -> str:
    """Whose global generator a callable draws from or seeds; empty: none."""
    name = getattr(found, "__name__", "")
    if name in SEEDING or name in READING:
        return "seeding" if name in SEEDING else ""
    owner = getattr(found, "__self__", None)
    if owner is vars(random)["_inst"]:
        return "python"
    legacy = sys.modules.get("numpy.random.mtrand")
    if legacy is not None and owner is vars(legacy)["_rand"]:
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and any(found is vars(torch).get(draw) for draw in TORCH_DRAWS):
        return "" if _passes_generator(code) else "torch"
    return ""


def _passes_generator(code: CodeType) -> bool:
    words = (one for one in code.co_consts if isinstance(one, tuple))
    return any("generator" in one for one in words)


def uses_attribute(kind: type, methods: tuple[str, ...], name: str) -> bool:
    """Whether methods of a class, or those that they call on `self`, name an attribute."""
    waiting = [*methods]
    seen = set[str]()
    while waiting:
        method = waiting.pop()
        function = _plain(getattr(kind, method, None))
        if method in seen or function is None:
            continue
        seen.add(method)
        names = {one for code in codes(function.__code__) for one in code.co_names}
        if name in names:
            return True
        waiting += sorted(names - seen)
    return False
