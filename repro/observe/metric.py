"""Looks at a metric: what defines it, and how it is called.

scikit-learn's functions and scorers, torchmetrics' functions and objects, and functions of the
user's own are each called as they ask to be. Neither library is imported for that.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from repro.digest import canonical_json, digest_json
from repro.observe import torch_metric
from repro.observe.definition import (
    constants_of,
    digest_of,
    held_by,
    helpers_digest,
    is_own,
    kept_digest,
    plain,
)
from repro.observe.environment import distribution_of
from repro.observe.params import scalar

Metric = Callable[..., Any]


@dataclass(frozen=True)
class Signature:
    """Everything that defines a metric; the fields are those of `Score`."""

    metric: str
    source_digest: str | None
    library: str | None
    arguments: str
    defaults: str | None
    constants: str
    helpers_digest: str
    definition_digest: str | None


def signature(metric: Metric, arguments: Mapping[str, Any]) -> Signature:
    """What the metric is when it is called with these keyword arguments."""
    layers, bound = layers_of(metric)
    held = {name: value for layer in layers for name, value in plain(_held(layer)).items()}
    given = {**bound, **arguments}
    constants = {name: value for layer in layers for name, value in constants_of(layer).items()}
    library = distribution_of(layers[-1].__module__ or "")
    handed_in = [given[name] for name in sorted(given)]
    return Signature(
        metric=metric_name(metric),
        source_digest=_source_digest(layers),
        library=library,
        arguments=_json({**held, **given}),
        defaults=_defaults(layers[-1], given),
        constants=canonical_json(constants),
        helpers_digest=helpers_digest(layers, given=handed_in),
        definition_digest=None if library else kept_digest(layers, given=handed_in),
    )


def _json(values: Mapping[str, Any]) -> str:
    return canonical_json({name: scalar(value, name) for name, value in values.items()})


def metric_name(metric: Metric) -> str:
    """Qualified name of the function or class: `sklearn.metrics.accuracy_score`."""
    outermost = layers_of(metric)[0][0]
    module = (outermost.__module__ or "").partition("._")[0]  # private modules are no address
    return f"{module}.{getattr(outermost, '__qualname__', type(outermost).__qualname__)}"


def layers_of(metric: Any) -> tuple[list[Any], dict[str, Any]]:
    """The decorators of the user, outermost first, then the function; and what is bound to it.

    Decorators of libraries, such as scikit-learn's check of parameters, are left out.
    """
    bound: dict[str, Any] = {}
    while isinstance(metric, functools.partial) or is_scorer(metric):
        if isinstance(metric, functools.partial):
            names = _parameters(metric.func)
            args = dict(zip(names, metric.args, strict=False))
            bound = {**args, **metric.keywords, **bound}
            metric = metric.func
        else:
            bound = {**metric._kwargs, "sign": metric._sign, **bound}
            metric = metric._score_func
    layers: list[Any] = []
    while hasattr(metric, "__wrapped__"):
        if isinstance(metric, FunctionType) and is_own(metric):
            layers.append(metric)
        metric = metric.__wrapped__
    return [*layers, metric if hasattr(metric, "__module__") else type(metric)], bound


def is_scorer(metric: Any) -> bool:
    """Whether this is what scikit-learn's `make_scorer` and `get_scorer` return."""
    kinds = ((kind.__module__, kind.__name__) for kind in type(metric).__mro__)
    return ("sklearn.metrics._scorer", "_BaseScorer") in kinds


def _held(layer: Any) -> Mapping[str, Any]:
    return torch_metric.settings(layer) if torch_metric.is_object(layer) else held_by(layer)


def _defaults(function: Any, given: Mapping[str, Any]) -> str | None:
    """Arguments that the call leaves as they are; None if the function does not show them."""
    if torch_metric.is_object(function):
        return None  # its settings hold them
    parameters = _parameters(function)
    left = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in given and parameter.default is not inspect.Parameter.empty
    }
    return _json(left) if parameters else None


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions in C do not show theirs
        return {}


def _source_digest(layers: list[Any]) -> str | None:
    digests = [_digest_of_one(layer) for layer in layers]
    return digests[0] if len(digests) == 1 or None in digests else digest_json(digests)


def _digest_of_one(layer: Any) -> str | None:
    is_code = inspect.isroutine(layer) or isinstance(layer, type)
    return digest_of(layer if is_code else type(layer))


def evaluate(metric: Any, y_true: Any, y_pred: Any, arguments: Mapping[str, Any]) -> Any:
    """What the metric returns, called in the way it asks for."""
    if torch_metric.is_object(metric):
        fresh = torch_metric.emptied(metric)
        torch_metric.update(fresh, y_true, y_pred, arguments)
        return fresh.compute()
    if torch_metric.is_function(metric):
        return torch_metric.call(metric, y_true, y_pred, arguments)
    if is_scorer(metric):
        return metric._sign * metric._score_func(y_true, y_pred, **metric._kwargs, **arguments)
    return metric(y_true, y_pred, **arguments)
