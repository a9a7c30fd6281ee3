"""Looks at a metric function, and computes a score with it."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from repro.digest import canonical_json, digest_json, ordered_digest, row_hashes, table
from repro.errors import UsageError
from repro.facts.scores import Score
from repro.observe.code import source_digest
from repro.observe.environment import distribution_of
from repro.observe.params import scalar

Metric = Callable[..., Any]


def compute(
    name: str,
    metric: Metric,
    y_true: Any,
    y_pred: Any,
    *,
    on: str,
    greater_is_better: bool | None,
    arguments: Mapping[str, Any],
    step: int,
) -> Score:
    """The value of the metric, with its definition and the rows it was computed on.

    Raises
    ------
    UsageError
        The metric returns no single number, or `y_true` and `y_pred` differ in length.
    """
    if len(y_true) != len(y_pred):
        raise UsageError(
            f"score({name!r}): y_true has {len(y_true)} rows, y_pred has {len(y_pred)}. "
            f"Score every row once."
        )
    result = metric(y_true, y_pred, **arguments)
    try:
        value = float(result)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"score({name!r}): {metric_name(metric)} returned {result!r}, not one number. "
            f"Pass a metric that averages, or score each value under its own name."
        ) from error
    truth = table(y_true)
    rows = row_hashes(truth.features + truth.labels)
    layers, bound = _layers(metric)
    return Score(
        name=name,
        value=value,
        on=on,
        metric=metric_name(metric),
        source_digest=_source_digest(layers),
        library=distribution_of(layers[-1].__module__ or ""),
        arguments=canonical_json(
            {key: scalar(value) for key, value in {**bound, **arguments}.items()}
        ),
        greater_is_better=_direction(metric_name(metric), greater_is_better),
        n_rows=len(rows),
        rows_digest=ordered_digest(rows),
        step=step,
    )


def _direction(name: str, said: bool | None) -> bool | None:
    """What was said; else by scikit-learn's convention: scores grow, losses and errors shrink."""
    if said is not None or not name.startswith("sklearn.metrics."):
        return said
    if name.endswith("_score"):
        return True
    return False if name.endswith(("_loss", "_error", "_deviance")) else None


def metric_name(metric: Metric) -> str:
    """Qualified name of the function: `sklearn.metrics.accuracy_score`."""
    *_, function = _layers(metric)[0]
    module = (function.__module__ or "").partition("._")[0]  # private modules are no address
    return f"{module}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _layers(metric: Metric) -> tuple[list[Any], dict[str, Any]]:
    """The function below the decorators it wears, and everything bound to it.

    Decorators of libraries, such as scikit-learn's check of parameters, are left out.
    """
    bound: dict[str, Any] = {}
    while isinstance(metric, functools.partial):
        names = list(inspect.signature(metric.func).parameters)
        bound = {**dict(zip(names, metric.args, strict=False)), **metric.keywords, **bound}
        metric = metric.func
    layers: list[Any] = []
    while hasattr(metric, "__wrapped__"):
        if distribution_of(getattr(metric, "__globals__", {}).get("__name__", "")) is None:
            layers.append(metric)
        metric = metric.__wrapped__
    layers.append(metric if hasattr(metric, "__module__") else type(metric))
    states = (_state(layer) for layer in layers)
    return layers, {**{key: value for state in states for key, value in state.items()}, **bound}


def _state(function: Any) -> dict[str, Any]:
    """Plain values that a closure or an object brings along: two thresholds are two metrics."""
    owner = function.__self__ if inspect.ismethod(function) else function
    if inspect.isfunction(owner):
        held = inspect.getclosurevars(owner).nonlocals
    else:
        held = {} if inspect.isclass(owner) else getattr(owner, "__dict__", {})
    return {name: held[name] for name in held if name[0] != "_" and _is_plain(held[name])}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _source_digest(layers: list[Any]) -> str | None:
    digests = [_digest_of_one(layer) for layer in layers]
    return digests[0] if len(digests) == 1 or None in digests else digest_json(digests)


def _digest_of_one(layer: Any) -> str | None:
    is_named = inspect.isroutine(layer) or inspect.isclass(layer)
    # Of a decorator, `inspect` would go on to what it decorates.
    target = getattr(layer, "__code__", layer) if is_named else type(layer)
    try:
        return source_digest(textwrap.dedent(inspect.getsource(target)))
    except (OSError, TypeError):
        return None
