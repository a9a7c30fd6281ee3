"""How functions and objects of torchmetrics are called: tensors, predictions first.

They are recognised by where they come from; the library is never imported.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from repro.errors import UsageError
from repro.observe.definition import held_by

# Of an object: how it computes and synchronises, not what.
BOOKKEEPING = {
    *("training", "compute_on_cpu", "compute_with_cache", "dist_sync_on_step", "dist_sync_fn"),
    *("process_group", "sync_on_compute", "distributed_available_fn", "update", "compute"),
}


def is_object(metric: Any) -> bool:
    """Whether this is a metric with states of its own, of torchmetrics or derived from it."""
    kinds = ((kind.__module__, kind.__name__) for kind in type(metric).__mro__)
    return ("torchmetrics.metric", "Metric") in kinds


def is_function(metric: Any) -> bool:
    """Whether this is a function of `torchmetrics.functional`, with or without bound arguments."""
    return (function_of(metric).__module__ or "").startswith("torchmetrics.functional.")


def function_of(metric: Any) -> Any:
    """What a partial was made of; of an object without a module of its own, its class."""
    while isinstance(metric, functools.partial):
        metric = metric.func
    return metric if hasattr(metric, "__module__") else type(metric)


def settings(metric: Any) -> Mapping[str, Any]:
    """What an object was constructed with."""
    hidden = BOOKKEEPING | metric._defaults.keys()  # the defaults of its states
    held = {**held_by(metric), **dict(metric.named_buffers(recurse=False))}
    return {name: value for name, value in held.items() if name not in hidden}


def emptied(metric: Any) -> Any:
    """A copy that has seen nothing: the user's own object is not touched."""
    fresh = metric.clone()
    fresh.reset()
    return fresh


def update(metric: Any, y_true: Any, y_pred: Any, arguments: Mapping[str, Any]) -> None:
    """Let an object see these rows."""
    _require_order(metric.update, type(metric).__name__)
    metric.update(as_tensor(y_pred, metric.device), as_tensor(y_true, metric.device), **arguments)


def call(metric: Any, y_true: Any, y_pred: Any, arguments: Mapping[str, Any]) -> Any:
    """What a function returns for these rows."""
    function = function_of(metric)
    _require_order(function, function.__name__)
    return metric(as_tensor(y_pred), as_tensor(y_true), **arguments)


def as_tensor(values: Any, device: Any = None) -> Any:
    """Numbers as a tensor without a gradient; texts as they are."""
    torch = sys.modules["torch"]
    if isinstance(values, torch.Tensor):
        values = values.detach()
    elif isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        return values
    else:
        import numpy as np

        values = torch.from_numpy(np.array(values))
    return values if device is None else values.to(device)


def _require_order(function: Callable[..., Any], name: str) -> None:
    """Refuse what does not say which of two arguments are the predictions."""
    names = list(inspect.signature(function).parameters)[:2]
    is_known = len(names) == 2 and names[0].startswith("preds") and names[1].startswith("target")
    if not is_known and names != ["args", "kwargs"]:  # wrappers hand both on, in this order
        raise UsageError(
            f"{name} takes ({', '.join(names)}), not (preds, target): which are the predictions? "
            f"Pass a function of your own: lambda y_true, y_pred: {name}(...)"
        )
