"""What MLflow takes as one value of a metric."""

import math
import posixpath
import re
from functools import lru_cache
from typing import Any, NamedTuple

from repro.errors import UsageError

METRIC_NAME = re.compile(r"[\w.\- :/]{1,250}")
MAX_STEP = 2**63 - 1


class Point(NamedTuple):
    """One value of one metric."""

    key: str
    value: float
    timestamp_ms: int
    step: int


@lru_cache(maxsize=4096)  # the names of a loop come again at every step
def metric_name(name: object) -> str:
    """The name, if MLflow accepts it.

    Raises
    ------
    UsageError
        It does not.
    """
    if isinstance(name, str) and METRIC_NAME.fullmatch(name) and _is_plain_path(name):
        return name
    raise UsageError(
        f"a metric cannot be named {name!r}. "
        f"Use up to 250 letters, digits, spaces and the signs _ - . : /"
    )


def _is_plain_path(name: str) -> bool:
    """MLflow keeps a metric under its name as a path: no empty part, no way out of the folder."""
    return posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."


def step_number(step: object) -> int:
    """The position in a series, if it is one.

    Raises
    ------
    UsageError
        It is no whole number of 64 bits.
    """
    if isinstance(step, int) and -MAX_STEP <= step <= MAX_STEP:
        return step
    raise UsageError(f"step={step!r} is no position in a series. Pass a whole number of 64 bits.")


def metric_value(name: str, value: Any) -> float:
    """The value as a float; tensors and arrays of one element are numbers, too.

    Raises
    ------
    UsageError
        It is not one number.
    """
    try:
        number = float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"metric {name!r} is {value!r}, not one number. Log each value under its own name."
        ) from error
    return math.nan if math.isnan(number) else number
