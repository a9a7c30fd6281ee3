"""Looks at a metric function, and computes a score with it."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from repro.digest import canonical_json, ordered_digest, row_hashes, table
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
    function, bound = _unwrapped(metric)
    library = distribution_of(function.__module__ or "")
    return Score(
        name=name,
        value=value,
        on=on,
        metric=metric_name(metric),
        source_digest=_source_digest(function),
        library=library,
        arguments=canonical_json(
            {key: scalar(value) for key, value in {**bound, **arguments}.items()}
        ),
        greater_is_better=greater_is_better,
        n_rows=len(rows),
        rows_digest=ordered_digest(rows),
        step=step,
    )


def metric_name(metric: Metric) -> str:
    """Qualified name of the function: `sklearn.metrics.accuracy_score`."""
    function, _ = _unwrapped(metric)
    module = (function.__module__ or "").partition("._")[0]  # private modules are no address
    return f"{module}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _unwrapped(metric: Metric) -> tuple[Any, dict[str, Any]]:
    """The function inside partials and decorators, and the arguments bound to it."""
    bound: dict[str, Any] = {}
    while isinstance(metric, functools.partial):
        names = list(inspect.signature(metric.func).parameters)
        bound = {**dict(zip(names, metric.args, strict=False)), **metric.keywords, **bound}
        metric = metric.func
    function = inspect.unwrap(metric)
    return (function if hasattr(function, "__module__") else type(function)), bound


def _source_digest(function: Any) -> str | None:
    target = (
        function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
    )
    try:
        return source_digest(textwrap.dedent(inspect.getsource(target)))
    except (OSError, TypeError):
        return None
