"""What a function is made of: its source, the functions it reaches, the values it closes over.

Reached are functions and classes of the user's own files, by closure, default argument, global name
and attribute of a module; installed packages have a version instead. Not reached are models, and
what only running shows: methods of objects that are handed in, names looked up by text. The source
is read from the file as it lies on disk: `code.changed_during_run` tells of an edit.
"""

import ast
import inspect
import linecache
import sys
import sysconfig
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from repro.digest import digest_json
from repro.facts.fact import Scalar
from repro.observe.modules import source_digest
from repro.observe.params import scalar
from repro.observe.refactoring import definition_digest

Digest = Callable[[str], str]  # of source

MAX_REACHED = 200
THROUGH = (MethodType, list, tuple)  # lead to functions, and are none themselves
OF_A_MODEL = ("named_modules", "get_params")  # torch, scikit-learn
INSTALLED = tuple(
    Path(path).resolve()
    for path in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    if path
)
PACKAGES = {"site-packages", "dist-packages"}


def is_own(thing: Any) -> bool:
    """Whether a function or class is of the user's own files, not of an installed package."""
    if isinstance(thing, FunctionType):
        file = thing.__code__.co_filename
    else:
        file = getattr(sys.modules.get(thing.__module__), "__file__", None) or "<typed>"
    path = Path(file)
    is_installed = PACKAGES.intersection(path.parts) or any(map(path.is_relative_to, INSTALLED))
    return not is_installed and not file.startswith("<frozen") and thing.__module__ != "builtins"


def digest_of(thing: Any, digest: Digest = source_digest) -> str | None:
    """Digest of the syntax tree of a function or class; of its bytecode, if it was typed."""
    if isinstance(thing, MethodType):
        thing = thing.__func__
    if isinstance(thing, FunctionType):
        return _function_digest(thing.__code__, digest)
    return _class_digest(thing, digest) if isinstance(thing, type) else None


@lru_cache(maxsize=1024)
def _function_digest(code: CodeType, digest: Digest) -> str:
    """Costs up to some milliseconds, and an epoch may be scored by the same function as the last.

    Bytecode differs between versions of Python, so its digest names the version.
    """
    try:
        source = _lambda(code) if code.co_name == "<lambda>" else inspect.getsource(code)
    except (OSError, TypeError, SyntaxError):
        source = None
    if source is not None:
        return digest(textwrap.dedent(source))
    return f"{sys.implementation.cache_tag}:{digest_json(_content(code))}"


def _lambda(code: CodeType) -> str | None:
    """The source of this lambda alone: several may share a line."""
    linecache.checkcache(code.co_filename)
    with warnings.catch_warnings(action="ignore"):  # Python said them when it was imported
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    places = {place for place in code.co_positions() if None not in place and place[2:] != (0, 0)}
    lambdas = (node for node in ast.walk(tree) if isinstance(node, ast.Lambda))
    found = [node for node in lambdas if places and _lies_in(node.body, places)]
    return min(map(ast.unparse, found), key=len, default=None)


def _lies_in(body: ast.expr, places: Iterable[tuple[int | None, ...]]) -> bool:
    """Whether all instructions (line, end line, column, end column) come from this expression."""
    first, last = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return all(
        first <= (line, column) and (end, stop) <= last for line, end, column, stop in places
    )


def _content(code: CodeType) -> list[Any]:
    """What a code object does, as JSON: without names of files and numbers of lines."""
    constants = [
        _content(value) if isinstance(value, CodeType) else _constant(value)
        for value in code.co_consts
    ]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_flags]
    return [code.co_name, code.co_code.hex(), constants, *names]


def _constant(value: object) -> str:
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


@lru_cache(maxsize=256)
def _class_digest(kind: type, digest: Digest) -> str:
    try:
        return digest(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        methods = [digest_of(method, digest) for method in methods_of(kind)]
        return digest_json([kind.__qualname__, *methods])


def methods_of(kind: type) -> Iterator[FunctionType]:
    """Functions that the body of a class defines; of a property the one that reads it."""
    for value in vars(kind).values():
        inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
        if isinstance(inner, FunctionType):
            yield inner


def helpers_digest(roots: Sequence[Any], given: Iterable[Any] = ()) -> str:
    """Digest of everything own that is given or that the roots reach, the roots left out.

    The first 200 count, breadth first.
    """
    first = {id(root) for root in roots}
    helpers = [thing for thing in _reached(roots, given) if id(thing) not in first]
    return digest_json([_described(thing) for thing in helpers if _is_part(thing)])


def kept_digest(roots: Sequence[Any], given: Iterable[Any] = ()) -> str | None:
    """Digest of the roots and of what they reach, which refactoring keeps; None: nothing is own.

    What they name of libraries counts, for an import may call it by any name.
    """
    parts = [thing for thing in _reached(roots, given) if _is_part(thing)]
    described = [[_described(thing, definition_digest), _foreign(thing)] for thing in parts]
    return digest_json(described) if parts else None


def code_digest(root: Any, digest: Digest = source_digest) -> str | None:
    """Digest of the own code that this is, or that it reaches; None: there is none.

    Other than in `helpers_digest`, values do not count.
    """
    digests = [digest_of(thing, digest) for thing in own_code(root)]
    return digest_json(digests) if digests else None


def own_code(root: Any) -> list[FunctionType | type]:
    """Own functions and classes that this is, or that it reaches."""
    reached = (thing for thing in _reached([root]) if isinstance(thing, FunctionType | type))
    return [thing for thing in reached if is_own(thing)]


def _reached(roots: Sequence[Any], given: Iterable[Any] = ()) -> list[Any]:
    """The roots, and what they get hold of: the first 200, breadth first."""
    seen: dict[int, Any] = {}
    queue = [*roots, *filter(_is_followed, given)]
    for thing in queue:  # grows while it is walked
        if id(thing) not in seen and len(seen) <= MAX_REACHED:
            seen[id(thing)] = thing
            queue.extend(filter(_is_followed, _neighbours(thing)))
    return list(seen.values())


def _neighbours(thing: Any) -> Iterator[Any]:
    """What this one can get hold of."""
    if isinstance(thing, FunctionType) and is_own(thing):
        yield from _reachable(thing)
    elif isinstance(thing, FunctionType):  # a library's decorator around something of the user's
        yield from (value for _, value in _closed_over(thing))
    elif isinstance(thing, MethodType):
        yield from (thing.__func__, thing.__self__)
    elif isinstance(thing, type):
        yield from thing.__bases__
        for method in methods_of(thing) if is_own(thing) else ():
            yield from _reachable(method)
    elif isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, list | tuple):
        yield from thing[:MAX_REACHED]
    else:  # an object, or what a decorator such as functools.cache made of a function
        yield from (type(thing), *getattr(thing, "__dict__", {}).values())


def _is_followed(value: Any) -> bool:
    if any(hasattr(type(value), sign) for sign in OF_A_MODEL):
        return False  # what is measured, not how
    return isinstance(value, THROUGH) or hasattr(value, "__wrapped__") or _is_part(value)


def _is_part(value: Any) -> bool:
    kind = value if isinstance(value, FunctionType | type) else type(value)
    return isinstance(value, partial) or is_own(kind)


def _described(thing: Any, digest: Digest = source_digest) -> list[Any]:
    if isinstance(thing, FunctionType):
        values = plain(held_by(thing)), constants_of(thing)
        return [thing.__qualname__, digest_of(thing, digest), *values]
    if isinstance(thing, type):
        return [thing.__qualname__, digest_of(thing, digest)]
    if isinstance(thing, partial):
        return ["partial", scalar(thing.args), plain(thing.keywords)]
    return [type(thing).__qualname__, plain(held_by(thing))]


def _foreign(thing: Any) -> dict[str, str]:
    """What an own thing calls of libraries, by the name that it has for it, with its address."""
    named: dict[str, Any] = {}
    if isinstance(thing, partial):
        named = {"func": thing.func}
    for function in methods_of(thing) if isinstance(thing, type) else [thing]:
        if isinstance(function, FunctionType):
            module = function.__globals__
            named |= {name: module[name] for name in _names(function.__code__) if name in module}
            named |= dict(_closed_over(function)) | _defaults(function)
    found = {name: value for name, value in named.items() if not _is_plain(value)}
    return {name: _address(value) for name, value in found.items() if not _is_part(value)}


def _defaults(function: FunctionType) -> dict[str, Any]:
    values = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return {f"default {at}": value for at, value in enumerate(values)}


def _address(value: Any) -> str:
    """Public module and name of a function or class; of an object those of its class."""
    if isinstance(value, ModuleType):
        return value.__name__
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(name, str):
        return _address(type(value))
    module = getattr(value, "__module__", None) or type(value).__module__
    return f"{str(module).partition('._')[0]}.{name}"


def _reachable(function: FunctionType) -> Iterator[Any]:
    """What the function names outside itself: closed over, by default, in its module."""
    yield from (value for _, value in _closed_over(function))
    yield from _defaults(function).values()
    yield from _named(function)


def _closed_over(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def _named(function: FunctionType) -> Iterator[Any]:
    """Globals of the function's module that it names, and of own modules among them the members."""
    names = dict.fromkeys(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            members = vars(value)
            yield from (members[member] for member in names if member in members)
        else:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _names(value)


def held_by(thing: Any) -> Mapping[str, Any]:
    """Values that a closure or an object brings along, by name."""
    owner = thing.__self__ if inspect.ismethod(thing) else thing
    if isinstance(owner, FunctionType):
        return dict(_closed_over(owner))
    return {} if isinstance(owner, type) else getattr(owner, "__dict__", {})


def constants_of(function: Any) -> dict[str, Scalar]:
    """Plain values of the user's module that the function names: a threshold, a set of labels."""
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType) or not is_own(function):
        return {}
    values = {name: function.__globals__.get(name) for name in _names(function.__code__)}
    return plain({name: value for name, value in values.items() if name in function.__globals__})


def plain(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """The values among them that can be written down: two thresholds are two metrics."""
    return {
        name: scalar(sorted(value, key=repr) if isinstance(value, set | frozenset) else value, name)
        for name, value in values.items()
        if not name.startswith("_") and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    is_array = hasattr(value, "tolist") and hasattr(value, "shape")
    return value is None or isinstance(value, str | int | float) or is_array
