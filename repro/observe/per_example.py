"""The score of each single row, where it is asked for and means something."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.errors import UsageError
from repro.observe.metric import layers_of, metric_name

Values = npt.NDArray[np.float64]


def check(name: str, metric: Any, wanted: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse `per_example=True` of a metric that is no mean over rows, or not a plain one."""
    if wanted is not True:
        return
    known, allowed = KNOWN.get(metric_name(metric), (None, ()))
    given = {**layers_of(metric)[1], **arguments}
    other = sorted(given.keys() - set(allowed))
    if known is None or other or len(layers_of(metric)[0]) > 1:
        how = f" with {', '.join(other)}" if known and other else ""
        raise UsageError(
            f"score({name!r}, per_example=True): what a row contributes to {metric_name(metric)}"
            f"{how} is not known; it is for: {', '.join(sorted(KNOWN))}. "
            f"Pass per_example=values, shape (n_rows,), or per_example=function(y_true, y_pred)."
        )


def values_of(
    name: str, metric: Any, wanted: Any, arguments: Mapping[str, Any], y_true: Any, y_pred: Any
) -> Values | None:
    """One number a row; None if none was asked for. Shape (n_rows,).

    Raises
    ------
    UsageError
        What was given or computed is not one number a row.
    """
    if wanted is None or wanted is False:
        return None
    if wanted is True:
        given = {**layers_of(metric)[1], **arguments}
        compute, _ = KNOWN[metric_name(metric)]
        found = compute(as_array(y_true), as_array(y_pred), given)
    else:
        found = wanted(y_true, y_pred) if callable(wanted) else wanted
    return _one_a_row(name, found, len(y_true))


def _one_a_row(name: str, found: Any, n_rows: int) -> Values:
    try:
        values = np.array(as_array(found), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"score({name!r}): per_example is {type(found).__name__}, not numbers. "
            f"Pass one number for each of the {n_rows} rows."
        ) from error
    if values.shape != (n_rows,):
        raise UsageError(
            f"score({name!r}): per_example has shape {values.shape}, not ({n_rows},). "
            f"Pass one number for each row."
        )
    return values


def as_array(values: Any) -> npt.NDArray[Any]:
    """Values of an array, tensor, series or list."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def as_npy(values: Values) -> bytes:
    """Content of a file that `numpy.load` reads."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _hits(y_true: Any, y_pred: Any, _: Mapping[str, Any]) -> Any:
    same = y_true.reshape(len(y_true), -1) == y_pred.reshape(len(y_pred), -1)
    return same.all(axis=1)


def _misses(y_true: Any, y_pred: Any, _: Mapping[str, Any]) -> Any:
    return ~_hits(y_true, y_pred, {})


def _squared(y_true: Any, y_pred: Any, _: Mapping[str, Any]) -> Any:
    return np.square(_errors(y_true, y_pred)).mean(axis=1)


def _absolute(y_true: Any, y_pred: Any, _: Mapping[str, Any]) -> Any:
    return np.abs(_errors(y_true, y_pred)).mean(axis=1)


def _errors(y_true: Any, y_pred: Any) -> Any:
    truth, predicted = (np.asarray(values, dtype=np.float64) for values in (y_true, y_pred))
    return truth.reshape(len(truth), -1) - predicted.reshape(len(predicted), -1)


def _log_losses(y_true: Any, y_pred: Any, given: Mapping[str, Any]) -> Any:
    """Minus the logarithm of what the true class was given, clipped as scikit-learn does it."""
    labels = given.get("labels")
    classes = np.unique(y_true if labels is None else labels)
    chances = y_pred.reshape(len(y_pred), -1)
    if chances.shape[1] == 1:
        chances = np.hstack([1 - chances, chances])
    chosen = chances[np.arange(len(y_true)), np.searchsorted(classes, y_true)]
    smallest = np.finfo(chosen.dtype).eps if chosen.dtype.kind == "f" else 0.0
    return -np.log(np.clip(chosen, smallest, 1 - smallest))


Compute = Callable[[Any, Any, Mapping[str, Any]], Any]

# Metrics that are a plain mean over rows, with the arguments under which they stay one.
KNOWN: Mapping[str, tuple[Compute, tuple[str, ...]]] = {
    "sklearn.metrics.accuracy_score": (_hits, ("normalize",)),
    "sklearn.metrics.log_loss": (_log_losses, ("labels", "normalize")),
    "sklearn.metrics.mean_absolute_error": (_absolute, ()),
    "sklearn.metrics.mean_squared_error": (_squared, ()),
    "sklearn.metrics.zero_one_loss": (_misses, ("normalize",)),
}
