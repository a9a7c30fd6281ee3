"""Looks at a torch model or a scikit-learn estimator."""

from typing import Any

from repro.digest import digest_json
from repro.facts.architecture import Architecture, Hyperparameter, Layer
from repro.facts.fact import Absent
from repro.observe.params import scalar

WRAPPERS = ("_orig_mod", "module")  # torch.compile, DataParallel and DistributedDataParallel


def from_model(model: Any) -> Architecture | Absent:
    """Module tree of a torch model, or class and parameters of an estimator."""
    model = unwrapped(model)
    if hasattr(model, "named_modules"):
        return _from_module(model)
    if hasattr(model, "get_params"):
        return _from_estimator(model)
    reason = f"{type(model).__name__} is neither a torch module nor a scikit-learn estimator"
    return Absent(reason=reason, kind="failed")


def unwrapped(model: Any) -> Any:
    """The user's model inside the wrappers of torch."""
    while True:
        inner = next((getattr(model, name) for name in WRAPPERS if _is_wrapper(model, name)), None)
        if inner is None:
            return model
        model = inner


def _is_wrapper(model: Any, name: str) -> bool:
    kind = type(model).__name__
    return kind in ("OptimizedModule", "DataParallel", "DistributedDataParallel") and hasattr(
        model, name
    )


def _from_module(model: Any) -> Architecture:
    tree = [
        (path, type(module).__name__, module.extra_repr(), _own_parameters(module))
        for path, module in model.named_modules()
    ]
    parameters = list(model.parameters())
    return Architecture(
        name=type(model).__name__,
        n_parameters=sum(parameter.numel() for parameter in parameters),
        n_trainable=sum(p.numel() for p in parameters if p.requires_grad),
        digest=digest_json(tree),
        layers=tuple(
            Layer(path=path, kind=kind, n_parameters=sum(size for *_, size in own))
            for path, kind, _, own in tree
            if path
        ),
    )


def _own_parameters(module: Any) -> list[tuple[str, list[int], str, int]]:
    return [
        (name, list(parameter.shape), str(parameter.dtype), parameter.numel())
        for name, parameter in module.named_parameters(recurse=False)
    ]


def _from_estimator(estimator: Any) -> Architecture:
    """Steps of a pipeline are parameters too, by their path; objects among them by their class."""
    found = sorted(estimator.get_params(deep=True).items())
    parameters = {name: scalar(_named(value)) for name, value in found}
    return Architecture(
        name=type(estimator).__name__,
        n_parameters=0,
        n_trainable=0,
        digest=digest_json([type(estimator).__qualname__, parameters]),
        hyperparameters=tuple(
            Hyperparameter(name=name, value=value) for name, value in parameters.items()
        ),
    )


def _named(value: Any) -> Any:
    """The value, with the class in the place of each estimator."""
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    is_estimator = hasattr(value, "get_params") and not isinstance(value, type)
    return type(value).__name__ if is_estimator else value
