"""Constructor parameters of any splitter: read back, checked, and made plain."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Mapping

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.calendar_lengths import is_length, parse_length

Scalar = str | int | float | bool | None


def parameters_of(splitter: object) -> dict[str, object]:
    """What the constructor was given, by name."""
    signature = inspect.signature(type(splitter).__init__)
    extra = getattr(splitter, "cvargs", {})  # scikit-learn's Repeated* splitters keep some here
    return {
        name: getattr(splitter, name, extra.get(name))
        for name, parameter in signature.parameters.items()
        if name != "self"
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def plain_parameters(splitter: object) -> Mapping[str, Scalar]:
    """The constructor's parameters as JSON scalars, the same in every process."""
    return {name: plain_value(value) for name, value in sorted(parameters_of(splitter).items())}


def whole_number(value: object, name: str, *, at_least: int) -> int:
    """An int that is large enough, or a refusal."""
    number = -1
    # A bool is an int, and a timedelta64 an np.integer.
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
        number = int(value)
    if number < at_least:
        raise SplitError(f"{name}={value!r} must be a whole number, {at_least} or more.")
    return number


def one_of(value: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        raise SplitError(f"{name}={value!r} is unknown; choose {' or '.join(map(repr, choices))}.")


def unboxed(value: object) -> object:
    """A scalar of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def plain_value(value: object) -> Scalar:
    """A parameter as a JSON scalar, the same in every process."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        return plain_value(value.item())
    if isinstance(value, (dt.timedelta, np.timedelta64)):
        return str(pd.Timedelta(value))
    if isinstance(value, pd.offsets.BaseOffset):
        return parse_length(value).iso() if is_length(value) else str(value)
    size = f"[{len(value)}]" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"
