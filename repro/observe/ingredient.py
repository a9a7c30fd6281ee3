"""Looks at what a loop calls, a loss or a transform: its name, its settings, its code.

Nothing is called. Values that a seed changes by design, such as a seed itself, are left out.
"""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from repro.digest import digest_bytes, short
from repro.digest.cells import plain_array
from repro.facts.fact import Scalar
from repro.observe.architecture import unwrapped
from repro.observe.definition import code_digest, constants_of, held_by, is_own
from repro.observe.metric import layers_of, metric_name
from repro.observe.params import scalar
from repro.observe.refactoring import definition_digest

# State of an object, or where it is: no part of what it does.
STATE = {
    *("training", "epoch", "step", "global_step", "iteration", "n_calls", "calls", "counter"),
    *(
        "count",
        "rng",
        "generator",
        "random_state",
        "device",
        "dtype",
        "root",
        "path",
        "T_destination",
    ),
}
CODE = (FunctionType, BuiltinFunctionType, MethodType, partial, type)
SEED = re.compile(r"(?:^|_)seeds?(?:$|_)")


@dataclass(frozen=True)
class Ingredient:
    """One function or object as it is now; what is inside of it is not looked into."""

    name: str  # CrossEntropyLoss, torch.nn.functional.mse_loss, focal; own code has no module
    settings: Mapping[str, Scalar]
    arrays: Mapping[str, Any]  # more than one number each
    modules: Mapping[str, Any]  # of torch, that it holds by name or closes over
    source_digest: str | None  # of own code, with what it reaches; None: a library's
    definition_digest: str | None  # the same, as a refactoring keeps it


def look(thing: Any) -> Ingredient:
    """What a function, a partial, a method or an object is made of."""
    thing = unwrapped(thing)
    layers, bound = layers_of(thing)
    core = layers[-1]
    held = {name: value for layer in layers for name, value in _held(layer).items()} | bound
    told = {name: value for name, value in held.items() if not _is_state(name)}
    return Ingredient(
        name=name_of(core),
        settings={name: _setting(name, value) for name, value in told.items() if _is_told(value)},
        arrays={name: value for name, value in told.items() if is_array(value)},
        modules={name: value for name, value in held.items() if is_module(value)},
        source_digest=code_digest(thing),
        definition_digest=code_digest(thing, definition_digest),
    )


def name_of(thing: Any) -> str:
    """The class of an object; the name of a function, with its module if a library holds it."""
    if isinstance(thing, BuiltinFunctionType):
        return f"{thing.__module__}.{thing.__name__}"
    if inspect.isroutine(thing):
        function = thing.__func__ if isinstance(thing, MethodType) else thing
        is_users = isinstance(function, FunctionType) and is_own(function)
        return _local(function) if is_users else metric_name(function)
    return _local(thing) if isinstance(thing, type) else type(thing).__name__


def _local(thing: Any) -> str:
    """The qualified name, without the function that it was defined in."""
    return str(thing.__qualname__).rpartition("<locals>.")[2]


def is_module(value: object) -> bool:
    """Whether this is a module of torch."""
    return hasattr(value, "named_modules") and not isinstance(value, type)


def is_array(value: Any) -> bool:
    """Whether this is an array or tensor of more than one number."""
    return hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0


def array_digest(value: Any) -> str:
    """Digest of the shape and the values of an array or tensor."""
    plain = np.ascontiguousarray(plain_array(value))
    return digest_bytes(f"{plain.dtype} {plain.shape}".encode(), plain.tobytes())


def _held(layer: Any) -> dict[str, Any]:
    """Values that it brings along, by name."""
    if isinstance(layer, MethodType) and is_module(layer.__self__):
        return {}  # a loss that the model computes: the model is looked at elsewhere
    if is_module(layer):
        named = {name: value for name, value in vars(layer).items() if name[0] != "_"}
        return {**named, **dict(layer.named_buffers(recurse=False)), **dict(layer.named_children())}
    held = {name: value for name, value in held_by(layer).items() if not name.startswith("__")}
    return {**_globals(layer), **constants_of(layer), **held}


def _globals(layer: Any) -> dict[str, Any]:
    """Modules of torch and arrays that a function of the user's names, and its file holds."""
    function = layer.__func__ if isinstance(layer, MethodType) else layer
    if not isinstance(function, FunctionType) or not is_own(function):
        return {}
    named = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    return {name: value for name, value in named.items() if is_module(value) or is_array(value)}


def _is_state(name: str) -> bool:
    return name.lower() in STATE or SEED.search(name.lower()) is not None


def _is_told(value: Any) -> bool:
    """Whether a value can be written down in a line."""
    if isinstance(value, PurePath) or is_module(value) or is_array(value):
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_told, value))
    if isinstance(value, dict):
        return all(map(_is_told, (*value, *value.values())))
    is_number = hasattr(value, "tolist") and hasattr(value, "shape")
    return value is None or is_number or isinstance(value, (str, int, float, Enum, *CODE))


def _setting(name: str, value: Any) -> Scalar:
    if isinstance(value, CODE):
        digest = code_digest(value)
        return f"{name_of(layers_of(value)[0][-1])}{f' {short(digest)}' if digest else ''}"
    return scalar(sorted(value, key=repr) if isinstance(value, set | frozenset) else value, name)
