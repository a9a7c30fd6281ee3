"""Looks at the weights when a model is watched, and again right before its first step."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from repro.facts.fact import Absent
from repro.facts.initialization import Evidence, Initialization, Scheme, Tensor
from repro.observe.architecture import is_initialized
from repro.observe.init_scheme import (
    NORMAL,
    UNIFORM,
    UNKNOWN,
    Drawn,
    Family,
    alone,
    constant,
    drawn,
    is_orthogonal,
    scheme,
)
from repro.observe.loaded_file import LoadedFile
from repro.observe.models import Models
from repro.observe.technique import Ending, Technique
from repro.observe.weights import Values, digest_of, fingerprint, fingerprint_of, sample

LAYER_OF_RNN = re.compile(r"_l\d+(_reverse)?$")
LOADED, ORTHOGONAL, RANDOM = "loaded", "orthogonal", "random"
ROWS = 16  # of a matrix are enough to see that they are orthogonal


@dataclass(frozen=True)
class _Weight:
    """One parameter as it was before the first step; its values are not kept."""

    name: str  # Conv2d.weight
    n_values: int
    print: str | None  # fingerprint
    statistics: Tensor  # with its path inside the model
    moments: Drawn | None  # None: not readable, or empty
    told: str | None  # without its scale; None: by its scale, if at all


class InitializationObserver(Technique):
    """Keeps moments and fingerprints, never the weights."""

    kind = Initialization

    def __init__(self) -> None:
        self._models = Models()
        self._at_watch: dict[int, dict[str, str | None]] = {}  # fingerprints, by id of the model
        self._has_changed: bool | None = None
        self._weights: dict[int, list[_Weight]] = {}
        self._files: set[str] = set()
        self._set: set[int] = set()  # ids of parameters that load_state_dict has set

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember a model that is new, and what its weights are."""
        new = self._models.add(model)
        if new is not None:
            self._at_watch[id(new)] = {path: fingerprint(p) for path, p in _parameters(new)}

    def loaded(self, file: LoadedFile) -> None:
        """Weights that may turn up in a model."""
        self._files |= file.fingerprints

    def state_loaded(self, model: Any, left_out: Sequence[str]) -> None:
        """Weights that were set, those aside that the state did not hold."""
        for name, parameter in model.named_parameters():
            if not any(key == name or key.endswith(f".{name}") for key in left_out):
                self._set.add(id(parameter))

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """The weights of each model that starts to train."""
        for model in self._models.begin():
            self._look(model)

    def at_end(self, ending: Ending) -> Initialization | Absent:
        """Schemes, digest and statistics of all models."""
        absent = self._models.absent(ending)
        if absent is not None:
            return absent
        weights = [
            (prefix, weight)
            for prefix, model in self._models.prefixed()
            for weight in self._weights.get(id(model), [])
        ]
        if not weights:
            reason = "no step was made after a model with weights was watched"
            return Absent(reason=reason, kind="not_applicable")
        groups: dict[str, list[_Weight]] = {}
        for _, weight in weights:
            groups.setdefault(weight.name, []).append(weight)
        n_all = sum(weight.n_values for _, weight in weights)
        n_seen = sum(weight.moments.n for _, weight in weights if weight.moments)
        tensors = [
            (
                weight,
                weight.statistics.model_copy(update={"path": f"{prefix}{weight.statistics.path}"}),
            )
            for prefix, weight in weights
        ]
        return Initialization(
            schemes=tuple(Scheme(name=n, scheme=_scheme(groups[n])) for n in sorted(groups)),
            digest=digest_of((tensor.path, weight.print) for weight, tensor in tensors),
            coverage=round(n_seen / n_all, 6),
            changed_after_watch=self._has_changed,
            evidence=tuple(_evidence(name, groups[name]) for name in sorted(groups)),
            tensors=tuple(tensor for _, tensor in tensors),
        )

    def _look(self, model: Any) -> None:
        before = self._at_watch[id(model)]
        weights = [
            self._weight(path, module, name, parameter)
            for path, module, name, parameter in _owned(model)
        ]
        self._weights[id(model)] = weights
        now = {weight.statistics.path: weight.print for weight in weights}
        has_changed = any(before[path] != now[path] for path in before.keys() & now.keys())
        self._has_changed = bool(self._has_changed) or has_changed

    def _weight(self, path: str, module: Any, name: str, parameter: Any) -> _Weight:
        values = sample(parameter)
        found = None if values is None else fingerprint_of(parameter.shape, values)
        is_loaded = id(parameter) in self._set or found in self._files
        told, moments = None, None
        if values is not None and len(values):
            is_padded = getattr(module, "padding_idx", None) is not None  # a row of zeros
            moments = drawn(
                values[values != 0] if is_padded and values.any() else values,
                fans=_fans(parameter.shape),
                default=_default(module, name),
                precision=_precision(parameter.dtype),
            )
            told = constant(values) or _without_scale(parameter)
        return _Weight(
            name=f"{type(module).__name__}.{_plain(name)}",
            n_values=parameter.numel(),
            print=found,
            statistics=_statistics(path, values),
            moments=moments,
            told=LOADED if is_loaded else told,
        )


def _parameters(model: Any) -> Iterator[tuple[str, Any]]:
    return ((path, p) for path, p in model.named_parameters() if is_initialized(p))


def _owned(model: Any) -> Iterator[tuple[str, Any, str, Any]]:
    """Path, owner, name and value of every parameter; a shared one at its first owner."""
    owners = {
        id(parameter): (module, name)
        for module in reversed(list(model.modules()))
        for name, parameter in module.named_parameters(recurse=False)
    }
    for path, parameter in _parameters(model):
        yield path, *owners[id(parameter)], parameter


def _plain(name: str) -> str:
    """The name that torch gave: layers of an LSTM together, masked weights as weights."""
    return LAYER_OF_RNN.sub("", name).removesuffix("_orig")


def _without_scale(parameter: Any) -> str | None:
    """What is told without a look at the scale: vectors are too short for more."""
    if parameter.ndim < 2:
        return RANDOM
    return ORTHOGONAL if is_orthogonal(_rows(parameter)) else None


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """Values that one output is made of, and outputs that one value goes into, as torch counts."""
    if len(shape) < 2:
        return 0, 0
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _default(module: Any, name: str) -> tuple[Family, float] | None:
    """What torch draws from when it makes such a module."""
    from torch import nn

    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return NORMAL, 1.0
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return UNIFORM, 1 / math.sqrt(module.hidden_size)
    if isinstance(module, nn.MultiheadAttention) and name.endswith("proj_weight"):
        return UNIFORM, math.sqrt(6 / sum(getattr(module, name).shape))
    if isinstance(module, nn.Linear | nn.Bilinear | nn.modules.conv._ConvNd):
        shape = getattr(module, name).shape
        fan_in = shape[1:2].numel() if isinstance(module, nn.Bilinear) else _fans(shape)[0]
        return (UNIFORM, 1 / math.sqrt(fan_in)) if fan_in else None
    return None


def _precision(dtype: Any) -> float:
    import torch

    return max(1e-6, float(torch.finfo(dtype).eps)) if dtype.is_floating_point else 1e-6


def _rows(parameter: Any) -> Values:
    """Some rows of the matrix that torch would have made orthogonal; columns, if they are fewer."""
    matrix = parameter.detach().flatten(1)
    matrix = matrix.T if len(matrix) > matrix.shape[1] else matrix
    rows: Values = matrix[:ROWS].double().cpu().numpy()
    return rows


def _statistics(path: str, values: Values | None) -> Tensor:
    if values is None or not len(values):
        return Tensor(path=path)
    found = (values.mean(), values.std(), values.min(), values.max())
    mean, std, low, high = (float(f"{value:.6g}") for value in found)
    return Tensor(path=path, mean=mean, std=std, low=low, high=high)


def _scheme(weights: Sequence[_Weight]) -> str:
    told = {weight.told for weight in weights if weight.told}
    random = [weight for weight in weights if not weight.told]
    moments = [weight.moments for weight in random if weight.moments]
    if random:
        told.add(scheme(moments) if moments else UNKNOWN)
    return " + ".join(sorted(told))


def _evidence(name: str, weights: Sequence[_Weight]) -> Evidence:
    """How much of what was looked at is told for certain, each tensor by itself."""
    seen = [(weight.told, weight.moments) for weight in weights if weight.moments]
    n_values = sum(moments.n for _, moments in seen)
    n_told = sum(moments.n for told, moments in seen if told or alone(moments))
    return Evidence(
        name=name,
        n_tensors=len(weights),
        n_values=n_values,
        confidence=round(n_told / n_values, 4) if n_values else 0.0,
    )
