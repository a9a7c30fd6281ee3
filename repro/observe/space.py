"""One dimension of a search space: a list of values, a distribution of scipy, a range of optuna."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from repro.facts.tuning import Dimension
from repro.observe.params import scalar

EDGE = 0.05  # of the range
LOGARITHMIC = ("loguniform", "reciprocal")
FEWEST = 3  # of two values each is at an edge


@dataclass(frozen=True)
class _Range:
    kind: str
    low: float
    high: float
    is_log: bool = False


def dimension(name: str, values: Any, best: Any) -> Dimension:
    """What was looked at under this name, and where in it the best value lies."""
    found = None if isinstance(values, list) else _range(values)
    choices = None if found else _choices(values)
    kind = "values" if choices is not None else type(values).__name__
    low = high = None
    if found is not None:
        kind, low, high = found.kind, found.low, found.high
    elif choices and all(map(_is_number, choices)):
        low, high = float(min(choices)), float(max(choices))
    return Dimension(
        name=name,
        kind=kind,
        low=low,
        high=high,
        n_values=None if choices is None else len(_distinct(choices)),
        best=scalar(best, name),
        at_edge=_edge(found, choices, best),
    )


def shown(values: Any) -> str:
    """The dimension in one line, the same for every seed."""
    found = None if isinstance(values, list) else _range(values)
    if found is not None:
        return f"{found.kind}({found.low:g}, {found.high:g})"
    choices = _choices(values)
    if choices is None:
        return str(scalar(values))
    return ", ".join(str(scalar(choice)) for choice in _distinct(choices))


def _range(values: Any) -> _Range | None:
    """Bounds of a distribution: frozen ones of scipy, numbers of optuna; None: it has none."""
    low: Any = getattr(values, "low", None)
    high: Any = getattr(values, "high", None)
    if _is_number(low) and _is_number(high):
        is_log = bool(getattr(values, "log", False))
        kind = type(values).__name__.removesuffix("Distribution").lower()
        return _Range(f"log{kind}" if is_log else kind, float(low), float(high), is_log)
    if hasattr(values, "support") and hasattr(values, "rvs"):
        low, high = (float(bound) for bound in values.support())
        kind = str(getattr(getattr(values, "dist", None), "name", type(values).__name__))
        return _Range(kind, low, high, kind in LOGARITHMIC)
    return None


def _choices(values: Any) -> Sequence[Any] | None:
    """The values to choose from; None: it is a distribution without bounds."""
    given = getattr(values, "choices", values)
    if hasattr(given, "rvs") or not hasattr(given, "__iter__"):
        return None
    return list(given)


def _edge(
    found: _Range | None, choices: Sequence[Any] | None, best: Any
) -> Literal["low", "high"] | None:
    if not _is_number(best):
        return None
    if found is not None:
        return _edge_of_range(found, float(best))
    numbers = choices if choices and all(map(_is_number, choices)) else ()
    if len(_distinct(numbers)) < FEWEST or best not in (min(numbers), max(numbers)):
        return None
    return "low" if best == min(numbers) else "high"


def _edge_of_range(found: _Range, best: float) -> Literal["low", "high"] | None:
    low, high = found.low, found.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    if found.is_log and low > 0 and best > 0:
        low, high, best = math.log(low), math.log(high), math.log(best)
    share = (best - low) / (high - low)
    if share <= EDGE:
        return "low"
    return "high" if share >= 1 - EDGE else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _distinct(values: Sequence[Any]) -> list[Any]:
    """In their order; they need not be hashable."""
    found: list[Any] = []
    for value in values:
        if not any(value is known or repr(value) == repr(known) for known in found):
            found.append(value)
    return found
