"""Looks at a torch model or a scikit-learn estimator."""

import re
from collections.abc import Iterable
from typing import Any

from repro.digest import digest_json
from repro.facts.architecture import Architecture, Hyperparameter, Layer, Piece
from repro.facts.fact import Absent
from repro.observe.params import ADDRESS, scalar

TOLD_ELSEWHERE = re.compile(r"drop|stochastic_?depth|norm", re.IGNORECASE)  # classes of modules
DROPOUT = re.compile(r"(, )?dropout=[^,]*")
WRAPPERS = {  # where each holds the user's model; the first is that of torch.compile
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}


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
    while (inner := _inner(model)) is not None:
        model = inner
    return model


def wrappers(model: Any) -> tuple[str, ...]:
    """Classes of the wrappers of torch around the user's model, from the outside."""
    inner = _inner(model)
    return () if inner is None else (type(model).__name__, *wrappers(inner))


def _inner(model: Any) -> Any:
    return getattr(model, WRAPPERS.get(type(model).__name__, ""), None)


def is_initialized(parameter: Any) -> bool:
    """Whether a parameter has a shape: that of a lazy module has none before its first call."""
    from torch.nn.parameter import is_lazy

    return not is_lazy(parameter)


def _from_module(model: Any) -> Architecture:
    tree = [
        (path, type(module).__name__, _settings(module), _own_parameters(module))
        for path, module in model.named_modules()
    ]
    parameters = list(model.parameters())
    known = [parameter for parameter in parameters if is_initialized(parameter)]
    return Architecture(
        name=type(model).__name__,
        n_parameters=_n_values(known),
        n_trainable=_n_values(p for p in known if p.requires_grad),
        digest=digest_json([(path, kind, _shape(kind, it), own) for path, kind, it, own in tree]),
        layers=tuple(
            Layer(
                path=path,
                kind=kind,
                n_parameters=sum(size for *_, size in own),
                settings=str(scalar(settings)),
            )
            for path, kind, settings, own in tree
            if path
        ),
        pieces=_pieces(model),
        tied=_tied(model),
        n_uninitialized=len(parameters) - len(known),
    )


def _settings(module: Any) -> str:
    """What a module prints of itself, without addresses: they differ from process to process."""
    return ADDRESS.sub("", module.extra_repr())


def _shape(kind: str, settings: str) -> str:
    """Settings without those that `regularization` and `normalization` compare one by one."""
    return "" if TOLD_ELSEWHERE.search(kind) else DROPOUT.sub("", settings)


def _n_values(parameters: Iterable[Any]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _own_parameters(module: Any) -> list[tuple[str, list[int], str, int]]:
    return [
        (name, list(parameter.shape), str(parameter.dtype), parameter.numel())
        for name, parameter in module.named_parameters(recurse=False)
        if is_initialized(parameter)
    ]


def _pieces(model: Any) -> tuple[Piece, ...]:
    """The direct children; parameters that two of them share are those of the first."""
    seen: set[int] = set()
    pieces = []
    for name, child in model.named_children():
        own = [p for p in child.parameters() if is_initialized(p) and id(p) not in seen]
        seen.update(map(id, own))
        pieces.append(
            Piece(
                name=name,
                kind=type(child).__name__,
                n_parameters=_n_values(own),
                n_trainable=_n_values(p for p in own if p.requires_grad),
            )
        )
    return tuple(pieces)


def _tied(model: Any) -> tuple[str, ...]:
    first: dict[int, str] = {}
    named = model.named_parameters(remove_duplicate=False)
    pairs = [(name, first.setdefault(id(parameter), name)) for name, parameter in named]
    return tuple(f"{name} = {known}" for name, known in pairs if name != known)


def _from_estimator(estimator: Any) -> Architecture:
    """Steps of a pipeline are parameters too, by their path; objects among them by their class."""
    found = sorted(estimator.get_params(deep=True).items())
    parameters = {name: scalar(_named(value), name) for name, value in found}
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
