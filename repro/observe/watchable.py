"""Tells whether what `run.watch` is given can be watched at all."""

from collections.abc import Mapping
from typing import Any

from repro.errors import UsageError
from repro.observe.study import is_study

MODEL = ("named_modules", "get_params", "fit", "predict")  # one is enough
OPTIMIZER = ("param_groups",)
SCHEDULER = ("step", "state_dict")


def check(model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
    """Refuse what is no model, no optimizer, no scheduler or no loss.

    Raises
    ------
    UsageError
        One of them is the name, the class or a list of what is meant.
    """
    if not _has_any(model, MODEL) and not is_study(model):
        raise UsageError(
            f"run.watch got {_told(model)} as the model. "
            f"Pass one torch module or estimator, as in run.watch(model, optimizer)."
        )
    if optimizer is not None and not _has_any(optimizer, OPTIMIZER):
        raise UsageError(
            f"run.watch got {_told(optimizer)} as the optimizer. "
            f"Pass one, such as torch.optim.Adam(model.parameters()), or leave it out."
        )
    if scheduler is not None and not _has_any(scheduler, SCHEDULER):
        raise UsageError(
            f"run.watch got {_told(scheduler)} as the scheduler. "
            f"Pass one, such as torch.optim.lr_scheduler.StepLR(optimizer, 30), or leave it out."
        )
    if loss is not None and not _is_loss(loss):
        raise UsageError(
            f"run.watch got {_told(loss)} as the loss. "
            f"Pass the module or function that is called, such as torch.nn.CrossEntropyLoss(), "
            f"a list or dict of several, or leave it out."
        )


def _is_loss(value: Any) -> bool:
    """One that can be called, or several."""
    parts = value.values() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | list | tuple):
        parts = (value,)
    return bool(parts) and all(callable(part) and not isinstance(part, type) for part in parts)


def _has_any(value: Any, names: tuple[str, ...]) -> bool:
    return not isinstance(value, type) and any(hasattr(value, name) for name in names)


def _told(value: Any) -> str:
    """A short value itself, another one by its class."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, str | int | float):
        return repr(value)[:60]
    return f"a {type(value).__name__}"
