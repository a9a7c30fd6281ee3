"""Looks at the modules that normalize, and at what batch statistics are taken over."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repro.facts.fact import Absent
from repro.facts.normalization import Kind, Module, Normalization
from repro.observe.hook import Hook
from repro.observe.models import Models
from repro.observe.params import scalar
from repro.observe.technique import Ending, Technique

IS_NORM = re.compile(r"norm(?:alization)?(?:\d?d)?$", re.IGNORECASE)
SHAPES = ("num_features", "normalized_shape", "num_channels", "device", "dtype")
MAYBE_SEQUENCE = ("BatchNorm1d", "LazyBatchNorm1d", "SyncBatchNorm")


@dataclass(frozen=True)
class _Norm:
    """A normalizing module as it was when the training began."""

    module: Any
    kind: str
    settings: str
    is_frozen: bool


class NormalizationObserver(Technique):
    """Lists the modules when the training begins."""

    kind = Normalization

    def __init__(self) -> None:
        self._models = Models()
        self._norms: dict[int, _Norm] = {}  # by id of the module
        self._handles: list[Any] = []
        self._dimensions: set[int] = set()
        self._n_devices = 1

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember a model that is new, and look at the first input of its BatchNorm."""
        if type(model).__name__ == "DataParallel":
            self._n_devices = max(1, len(model.device_ids))
        new = self._models.add(model)
        for module in new.modules() if new is not None else ():
            if type(module).__name__ in MAYBE_SEQUENCE:
                hook = Hook(self._saw_input)
                self._handles.append(module.register_forward_pre_hook(hook))

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """The modules of each model that starts to train; its first batch has been seen."""
        new = self._models.begin()
        for model in new:
            self._look(model)
        if new:
            self.unwatched()

    def unwatched(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def at_end(self, ending: Ending) -> Normalization | Absent:
        """What was found in all models."""
        absent = self._models.absent(ending)
        if absent is not None:
            return absent
        for _, model in self._models.prefixed():
            if not self._models.is_trained(model):
                self._look(model)
        named = list(self._named())
        over_batch = [norm.kind for _, norm in named if _is_over_batch(norm.kind)]
        sizes = ending.batch_sizes if over_batch else {}
        return Normalization(
            kinds=tuple(_kinds([norm for _, norm in named])),
            modules=tuple(Module(path=path, kind=norm.kind) for path, norm in named),
            n_frozen=sum(norm.is_frozen for _, norm in named),
            is_synced=any("Sync" in kind for kind in over_batch) if over_batch else None,
            batch=self._per_device(_most_frequent(sizes)),
            smallest_batch=self._per_device(min(sizes, default=None)),
            sequence_input=3 in self._dimensions if self._dimensions else None,
        )

    def _saw_input(self, module: Any, args: Sequence[Any]) -> None:
        import torch

        if not torch.compiler.is_compiling():  # a compiled model is not to be traced with this
            self._dimensions.update(args[0].ndim for _ in args[:1] if module.training)

    def _look(self, model: Any) -> None:
        parametrizing = {
            id(part)
            for module in model.modules()
            if type(module).__name__ == "ParametrizationList"
            for part in module.modules()
        }  # they normalize weights, not what flows through the model
        for module in model.modules():
            is_norm = IS_NORM.search(type(module).__name__) and id(module) not in parametrizing
            if is_norm and not any(module.children()):
                self._norms.setdefault(id(module), _norm(module))

    def _named(self) -> Iterator[tuple[str, _Norm]]:
        seen: set[int] = set()
        for path, module in self._models.modules():
            norm = self._norms.get(id(module))
            if norm is not None and id(module) not in seen:
                seen.add(id(module))
                yield path, norm

    def _per_device(self, size: int | None) -> int | None:
        return None if size is None else -(-size // self._n_devices)


def _norm(module: Any) -> _Norm:
    kind = type(module).__name__
    keeps_running = _is_over_batch(kind) and getattr(module, "track_running_stats", True)
    is_frozen = kind.startswith("Frozen") or (keeps_running and not module.training)
    return _Norm(module, kind, _settings(module), is_frozen)


def _is_over_batch(kind: str) -> bool:
    return "BatchNorm" in kind


def _settings(module: Any) -> str:
    """Arguments of the constructor that are not the default, apart from sizes."""
    found = inspect.signature(type(module).__init__).parameters.values()
    pairs = [
        (argument.name, _given(module, argument), argument.default)
        for argument in found
        if argument.name not in SHAPES and hasattr(module, argument.name)
    ]
    told = [f"{name}={scalar(value)}" for name, value, default in pairs if value != default]
    if "affine=False" in told and "bias=False" in told:
        told.remove("bias=False")  # follows
    return ", ".join(told) or "default"


def _given(module: Any, argument: inspect.Parameter) -> Any:
    """The argument as the module keeps it: `bias=True` as a parameter, `bias=False` as None."""
    value = getattr(module, argument.name)
    is_flag = isinstance(argument.default, bool)
    return value is not None and value is not False if is_flag else value


def _kinds(norms: Sequence[_Norm]) -> Iterator[Kind]:
    for kind in sorted({norm.kind for norm in norms}):
        settings = {norm.settings for norm in norms if norm.kind == kind}
        n = sum(norm.kind == kind for norm in norms)
        yield Kind(kind=kind, n=n, settings=" | ".join(sorted(settings)))


def _most_frequent(sizes: Mapping[int, int]) -> int | None:
    return Counter(sizes).most_common(1)[0][0] if sizes else None
