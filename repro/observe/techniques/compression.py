"""Looks for masks, zeros, few levels and quantized modules, before, while and after training."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from repro.facts.compression import Compression, Count, Form, Levels, Mask, When, Zeros
from repro.facts.fact import Absent
from repro.observe.architecture import is_initialized
from repro.observe.models import Models
from repro.observe.technique import Ending, Technique
from repro.observe.weights import digest_of, fingerprint_of, sample

MASK, ORIGINAL = "_mask", "_orig"  # how torch.nn.utils.prune names what it adds
AWARE, CONVERTED = (".qat.", "FakeQuantize"), (".quantized.",)  # in the full name of a class
PACKED = "PackedParams"  # inside a quantized module
SPARSE_FROM = 0.05  # share of exact zeros that dense training does not make
MIN_VALUES = 64  # fewer may have few levels by chance
GLANCE = 1_024  # values that tell that there are more than three levels


class CompressionObserver(Technique):
    """Asks at each sampled step for masks only; weights are read at the first and at the end."""

    kind = Compression

    def __init__(self) -> None:
        self._models = Models()
        self._when: When | None = None
        self._zeros: dict[int, dict[str, float]] = {}  # share by path, by id of the model
        self._waking: dict[int, tuple[Any, float]] = {}  # all zeros at first: least share so far
        self._dtypes: dict[int, dict[str, str]] = {}
        self._digests: dict[int, str | None] = {}  # before the first step, by id of the model

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember a model that is new."""
        self._models.add(model)

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """Whether there are masks by now; of a model that starts to train the zeros."""
        new = self._models.begin()
        for key, (weight, least) in list(self._waking.items()):
            if least >= SPARSE_FROM:
                self._waking[key] = weight, min(least, _zero_share(weight, None))
        for model in new:
            self._begin(model)
        if self._when is None and self._is_masked():
            self._when = "before training" if new else "while training"

    def _begin(self, model: Any) -> None:
        shares = [(path, w, mask, _zero_share(w, mask)) for path, w, mask in _weights(model)]
        self._zeros[id(model)] = {path: share for path, *_, share in shares}
        self._dtypes[id(model)] = _dtypes(model)
        self._digests[id(model)] = _digest(model)
        for _, weight, mask, share in shares:
            if mask is None and share == 1:
                self._waking[id(weight)] = weight, share

    def at_end(self, ending: Ending) -> Compression | Absent:
        """What is small about the models now, and was not before."""
        absent = self._models.absent(ending)
        if absent is not None:
            return absent
        found = [
            (f"{prefix}{path}", weight, mask, self._zeros.get(id(model), {}).get(path))
            for prefix, model in self._models.prefixed()
            for path, weight, mask in _weights(model)
        ]
        zeros = [
            Zeros(path=path, first=first, last=_zero_share(weight, mask))
            for path, weight, mask, first in found
        ]
        untouched = {path for path, weight, *_ in found if self._is_untouched(weight)}
        emptied = {z.path for z in zeros if SPARSE_FROM <= z.last < 1} - untouched
        pruned = [
            (path, w, mask) for path, w, mask, _ in found if mask is not None or path in emptied
        ]
        return Compression(
            **_pruning(pruned),
            pruned=self._when_pruned(zeros, emptied) if pruned else None,
            sparsity=_sparsity([(w, mask) for _, w, mask, _ in found]) if pruned else None,
            masks=tuple(_masks(pruned)),
            **_quantization(list(self._models.modules())),
            converted=self._converted(),
            levels=tuple(_levels([(path, w) for path, w, mask, _ in found if mask is None])),
            bits_per_value=_bits(self._models.last()),
            parametrizations=tuple(_parametrizations(self._models.modules())),
            zeros=tuple(zero for zero in zeros if zero.last >= SPARSE_FROM),
            digest_before=self._digests.get(id(self._models.main())),
            digest_after=_digest(self._models.main()),
        )

    def _is_untouched(self, weight: Any) -> bool:
        """Whether its zeros are those of its initialization, that no gradient has reached."""
        least = self._waking.get(id(weight), (weight, 0.0))[1]
        return least >= SPARSE_FROM and _zero_share(weight, None) <= least

    def _is_masked(self) -> bool:
        return any(
            name.endswith(MASK)
            for _, module in self._models.modules()
            for name in module._buffers
            if f"{name.removesuffix(MASK)}{ORIGINAL}" in module._parameters
        )

    def _when_pruned(self, zeros: list[Zeros], emptied: set[str]) -> When:
        was_empty = any(z.path in emptied and SPARSE_FROM <= (z.first or 0) < 1 for z in zeros)
        return self._when or ("before training" if was_empty else "at the end")

    def _converted(self) -> tuple[str, ...]:
        pairs = {
            f"{before} -> {after}"
            for _, model in self._models.prefixed()
            for path, after in _dtypes(model).items()
            if (before := self._dtypes.get(id(model), {}).get(path, after)) != after
        }
        return tuple(sorted(pairs))


def _weights(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Path, weight and mask of every matrix, and of what convolutions have; shared ones once."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        for name, weight in module.named_parameters(recurse=False):
            is_padded = getattr(module, "padding_idx", None) is not None  # a row of zeros
            if is_initialized(weight) and weight.ndim > 1 and not is_padded:
                plain = name.removesuffix(ORIGINAL)
                mask = module._buffers.get(f"{plain}{MASK}") if plain != name else None
                if id(weight) not in seen:
                    seen.add(id(weight))
                    yield f"{path}.{plain}".strip("."), weight, mask


def _digest(model: Any) -> str | None:
    """Of every parameter under its plain name, so that a mask made permanent changes nothing."""
    masks = dict(model.named_buffers(remove_duplicate=False))
    found: dict[str, str | None] = {}
    for path, parameter in model.named_parameters():
        if is_initialized(parameter):
            plain = path.removesuffix(ORIGINAL)
            mask = masks.get(f"{plain}{MASK}") if plain != path else None
            found[plain] = _fingerprint(parameter, mask)
    return digest_of(found.items()) if found else None


def _fingerprint(parameter: Any, mask: Any) -> str | None:
    values = sample(parameter)
    if values is None:
        return None
    kept = None if mask is None else sample(mask)
    return fingerprint_of(parameter.shape, values if kept is None else values * kept)


def _zero_share(weight: Any, mask: Any) -> float:
    values = sample(weight if mask is None else mask)
    if values is None or len(values) < MIN_VALUES:
        return 0.0
    return round(float((values == 0).mean()), 4)


def _pruning(pruned: list[tuple[str, Any, Any]]) -> dict[str, Any]:
    forms = {_form(weight if mask is None else mask) for _, weight, mask in pruned}
    return {
        "pruning": "mixed" if len(forms) > 1 else next(iter(forms), "none"),
        "is_permanent": any(mask is None for *_, mask in pruned) if pruned else None,
    }


def _form(kept: Any) -> Form:
    """Structured if all zeros lie in slices that are zero as a whole, along one dimension."""
    import torch

    with torch.no_grad():
        is_kept = kept.detach() != 0
        n_kept = int(is_kept.sum())
        for dimension, size in enumerate(is_kept.shape):
            slices = is_kept.movedim(dimension, 0).reshape(size, -1)
            if int(slices.any(1).sum()) * slices.shape[1] == n_kept:
                return "structured"
    return "unstructured"


def _masks(pruned: list[tuple[str, Any, Any]]) -> Iterator[Mask]:
    for path, _, mask in pruned:
        if mask is not None:
            share = _sparsity([(mask, None)])
            yield Mask(path=path, form=_form(mask), sparsity=share)


def _sparsity(tensors: list[tuple[Any, Any]]) -> float:
    """Share of zeros, counted, not sampled: it is compared."""
    kept = [weight.detach() if mask is None else mask for weight, mask in tensors]
    n_values: int = sum(one.numel() for one in kept)
    n_kept: int = sum(int(one.count_nonzero()) for one in kept)
    return round(1 - n_kept / n_values, 2)


def _quantization(modules: list[tuple[str, Any]]) -> dict[str, Any]:
    kinds = [type(module) for _, module in modules]
    names = [f"{k.__module__}.{k.__name__}" for k in kinds if not k.__name__.endswith(PACKED)]
    state: Literal["none", "aware", "converted"] = "none"
    if any(part in name for name in names for part in CONVERTED):
        state = "converted"
    elif any(part in name for name in names for part in AWARE):
        state = "aware"
    counts = Counter(_short(name) for name in names if any(p in name for p in AWARE + CONVERTED))
    told = tuple(Count(kind=kind, n=counts[kind]) for kind in sorted(counts))
    return {"quantization": state, "quantized": told}


def _short(name: str) -> str:
    """torch.ao.nn.quantized.dynamic.modules.linear.Linear is quantized.dynamic.Linear."""
    folder, _, kind = name.rpartition(".")
    inside = folder.partition(".nn.")[2].partition(".modules")[0]
    return f"{inside}.{kind}".lstrip(".")


def _dtypes(model: Any) -> dict[str, str]:
    return {
        path: str(parameter.dtype).removeprefix("torch.")
        for path, parameter in model.named_parameters()
    }


def _levels(weights: list[tuple[str, Any]]) -> Iterator[Levels]:
    for path, weight in weights:
        values = sample(weight)
        if values is not None and len(values) >= MIN_VALUES:
            few = len(np.unique(values[:GLANCE])) <= 3
            n = len(np.unique(values)) if few else 0
            if n in (2, 3):
                yield Levels(path=path, n=n)


def _bits(model: Any) -> float | None:
    """Bits of one value, on average; a quantized module packs its weight away."""
    packed = [m.weight() for m in model.modules() if _is_packed(m)]
    tensors = [*filter(is_initialized, model.parameters()), *packed]
    n_values = sum(one.numel() for one in tensors)
    n_bits = sum(one.numel() * 8 * one.element_size() for one in tensors)
    return round(n_bits / n_values, 4) if n_values else None


def _is_packed(module: Any) -> bool:
    is_quantized = any(part in type(module).__module__ for part in CONVERTED)
    return is_quantized and callable(getattr(module, "weight", None))


def _parametrizations(modules: Iterator[tuple[str, Any]]) -> Iterator[str]:
    for path, module in modules:
        for name, chain in getattr(module, "parametrizations", {}).items():
            kinds = ", ".join(type(one).__name__ for one in chain)
            yield f"{f'{path}.{name}'.strip('.')}: {kinds}"
