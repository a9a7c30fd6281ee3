"""Whether more or less of a metric is better, as far as its library says."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from repro.observe import torch_metric
from repro.observe.metric import is_scorer, layers_of, metric_name

# scikit-learn's names say it: scores grow; losses, errors and deviances shrink. Except for these.
UNLIKE_THEIR_NAME = {"davies_bouldin_score": False, "matthews_corrcoef": True}

# torchmetrics 1.9 says the opposite of their definitions: what is preserved is good.
MISTAKEN = {"WordInfoPreserved", "SpectralDistortionIndex"}


def known_direction(metric: Any, arguments: Mapping[str, Any]) -> bool | None:
    """True: more is better. None: the library does not say, or a decorator of the user is around.

    >>> from sklearn.metrics import accuracy_score, log_loss, roc_curve
    >>> [known_direction(metric, {}) for metric in (accuracy_score, log_loss, roc_curve)]
    [True, False, None]
    """
    layers, bound = layers_of(metric)
    if len(layers) > 1:
        return None
    if is_scorer(metric):
        return True  # a scorer of something that shrinks has its sign turned
    if torch_metric.is_object(metric):
        return _direction_of_class(type(metric))
    if torch_metric.is_function(metric):
        return _like_the_class(layers[0].__name__, {**bound, **arguments}.get("task"))
    return _by_convention(metric_name(metric))


def _by_convention(name: str) -> bool | None:
    function = name.rpartition(".")[2]
    if not name.startswith("sklearn.metrics."):
        return None
    if function in UNLIKE_THEIR_NAME:
        return UNLIKE_THEIR_NAME[function]
    if function.endswith("_score"):
        return True
    return False if function.endswith(("_loss", "_error", "_deviance")) else None


def _direction_of_class(kind: type) -> bool | None:
    direction = getattr(kind, "higher_is_better", None)
    is_mistaken = MISTAKEN.intersection(parent.__name__ for parent in kind.__mro__)
    return direction if isinstance(direction, bool) and not is_mistaken else None


def _like_the_class(function: str, task: object) -> bool | None:
    """What the class of the same name says: `binary_f1_score` is computed by `BinaryF1Score`."""
    names = [function.replace("_", ""), f"{task}_{function}".replace("_", "")]
    found = (_direction_of_class(kind) for kind in _classes() if kind.__name__.lower() in names)
    return next((direction for direction in found if direction is not None), None)


def _classes() -> Iterator[type]:
    for name, module in list(sys.modules.items()):
        if name.startswith("torchmetrics") and "functional" not in name:
            yield from (value for value in vars(module).values() if isinstance(value, type))
