"""Flattens hyperparameters, whatever they come in."""

import argparse
import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from repro.digest import digest_bytes
from repro.errors import UsageError
from repro.facts.fact import Scalar
from repro.facts.params import Param
from repro.observe.redaction import masked_text, masked_value

TEXT_CHARACTERS = 1_000

ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # differs from process to process


def declared(params: object) -> tuple[Param, ...]:
    """Hyperparameters of a dict, dataclass, pydantic model or argparse namespace, in order.

    Raises
    ------
    UsageError
        Another type, a key that is no string, or two keys that flatten to one name.
    """
    if params is None:
        return ()
    pairs = list(_flatten("", _as_mapping(params)))
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UsageError(
            f"params hold {repeated[0]!r} twice once nested names are joined with dots. "
            f"Rename one of them."
        )
    return tuple(Param(name=name, value=value) for name, value in pairs)


def _as_mapping(params: object) -> Mapping[Any, Any]:
    if isinstance(params, BaseModel):
        return params.model_dump()
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        return dataclasses.asdict(params)
    if isinstance(params, argparse.Namespace):
        return vars(params)
    if isinstance(params, Mapping):
        return params
    raise UsageError(
        f"params={params!r} is a {type(params).__name__}. "
        f"Pass a dict, a dataclass, a pydantic model or an argparse namespace."
    )


def _flatten(prefix: str, params: Mapping[Any, Any]) -> Iterator[tuple[str, Scalar]]:
    for key, value in params.items():
        if not isinstance(key, str) or not key:
            raise UsageError(f"params have a key {key!r}. Every key is a string, and not empty.")
        name = f"{prefix}{key}"
        if isinstance(value, Mapping | BaseModel | argparse.Namespace) or (
            dataclasses.is_dataclass(value) and not isinstance(value, type)
        ):
            yield from _flatten(f"{name}.", _as_mapping(value))
        else:
            yield name, scalar(value, name)


def scalar(value: object, name: str = "") -> Scalar:
    """A value as it is stored: plain scalars as they are, everything else as text.

    A secret is masked, which it may be by the name that it goes by. A text that is too long ends in
    its digest, so that two that differ stay two.

    >>> scalar(0.1), scalar((1, 2)), scalar(float("inf"))
    (0.1, '(1, 2)', 'inf')
    """
    if isinstance(value, Enum):
        return scalar(value.value, name)
    value = masked_value(name, value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, type) or inspect.isroutine(value):
        return value.__qualname__
    if hasattr(value, "tolist"):  # numpy and torch leave out the middle of a long array
        return scalar(value.tolist(), name)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = masked_text(str(value) if isinstance(value, str | PurePath) else _described(value))
    if len(text) <= TEXT_CHARACTERS:
        return text
    return f"{text[:TEXT_CHARACTERS]}... {digest_bytes(text.encode())}"


def _described(value: object) -> str:
    """The value's own text; where that only tells its address, its class and plain attributes."""
    if isinstance(value, functools.partial):
        return f"partial({scalar(value.func)}, {value.args!r}, {value.keywords!r})"
    text = repr(value)
    if not ADDRESS.search(text):
        return text
    held = vars(value) if hasattr(value, "__dict__") else {}
    plain = {name: held[name] for name in sorted(held) if not ADDRESS.search(repr(held[name]))}
    return f"{type(value).__qualname__}({', '.join(f'{k}={v!r}' for k, v in plain.items())})"
