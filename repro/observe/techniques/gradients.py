"""Looks at the gradients right before the optimizer steps."""

import math
import sys
from collections.abc import Iterator
from typing import Any, ClassVar, Literal
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from repro.facts.fact import Absent, Fact
from repro.facts.gradients import Declared, Gradients
from repro.observe.technique import Ending, Technique, untrained

DECLARED = (
    *("max_grad_norm", "gradient_clip_val", "grad_clip", "clip_grad", "clip_grad_norm"),
    *("clip_norm", "clip_value", "grad_clip_norm", "gradient_clip", "clipnorm", "clipvalue"),
)
MAX_KEPT = 1_024  # samples; beyond, every second one is dropped
MAX_SERIES = 64
SPIKE = 10.0  # robust deviations
PILE = 5  # samples at one bound
CLOSE = 2e-5  # relative: clip_grad_norm_ adds 1e-6 to the norm before it divides
DIGITS = (2, 3)  # of a number that someone would type
PARTS = 64  # 1 / n is typed, too

FloatArray = NDArray[np.float64]
Clipping = Literal["norm", "value"]


class GradientsObserver(Technique):
    """Takes two norms of all gradients at sampled steps, in one transfer from the device."""

    kind: ClassVar[type[Fact]] = Gradients

    def __init__(self) -> None:
        self._optimizer: Any = None  # weak, the first
        self._written: tuple[Any, int] | None = None  # parameter, version of its gradient
        self._is_rewritten: bool | None = None
        self._samples: list[tuple[int, float, float]] = []  # step, norm, largest value
        self._n_sampled = 0
        self._stride = 1
        self._n_non_finite = 0
        self._n_left_out = 0

    def backward(self, parameter: Any) -> None:
        """Remember the state of one gradient as the backward pass left it."""
        grad = parameter.grad
        self._written = None if grad is None else (ref(parameter), grad._version)

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """Take the norms, and see whether the gradient was written to since."""
        if self._optimizer is None:
            self._optimizer = ref(optimizer)
        if self._optimizer() is not optimizer:
            return
        held = (p.grad for group in optimizer.param_groups for p in group["params"])
        grads = [grad for grad in held if grad is not None]
        self._see_writes(optimizer)
        plain = [grad for grad in grads if _is_plain(grad)]
        self._n_left_out = max(self._n_left_out, len(grads) - len(plain))
        if plain:
            norm, largest = _norms(plain, getattr(optimizer, "grad_scale", None))
            self._add(step, norm, largest)

    def _see_writes(self, optimizer: Any) -> None:
        if self._written is None or _is_distributed():
            return
        parameter, version = self._written[0](), self._written[1]
        groups = optimizer.param_groups
        is_its = any(one is parameter for group in groups for one in group["params"])
        if is_its and parameter.grad is not None:
            is_rewritten = parameter.grad._version != version
            self._is_rewritten = self._is_rewritten or is_rewritten

    def _add(self, step: int, norm: float, largest: float) -> None:
        if not math.isfinite(norm):
            self._n_non_finite += 1
        elif self._n_sampled % self._stride == 0:
            self._samples.append((step, norm, largest))
        self._n_sampled += 1
        if len(self._samples) == MAX_KEPT:
            del self._samples[1::2]
            self._stride *= 2

    def at_end(self, ending: Ending) -> Gradients | Absent:
        """A summary of the series."""
        if self._optimizer is None:
            return untrained()
        steps, norms, values = (np.array([sample[i] for sample in self._samples]) for i in range(3))
        clipping, bound, share = self._clipped(norms, values)
        kept = sorted({round(i) for i in np.linspace(0, len(norms) - 1, MAX_SERIES)})
        return Gradients(
            rewritten=self._is_rewritten,
            clipping=clipping,
            clipped_at=bound,
            at_bound=share,
            declared=tuple(_declared(ending.params)),
            n_sampled=self._n_sampled,
            n_non_finite=self._n_non_finite,
            n_spikes=_spikes(norms),
            n_left_out=self._n_left_out,
            median=_rounded(np.median(norms)) if len(norms) else None,
            largest=_rounded(norms.max()) if len(norms) else None,
            series=tuple((int(steps[i]), _rounded(norms[i])) for i in kept) if len(norms) else (),
        )

    def _clipped(
        self, norms: FloatArray, values: FloatArray
    ) -> tuple[Clipping | None, float | None, float | None]:
        kinds: tuple[tuple[Clipping, FloatArray], ...] = (("norm", norms), ("value", values))
        for kind, series in kinds:
            bound = _bound(series) if self._is_rewritten else None
            if bound is not None:
                share = float(np.mean(series >= bound * (1 - CLOSE)))
                return kind, bound, round(share, 3)
        return None, None, None


def _norms(grads: list[Any], scale: Any) -> tuple[float, float]:
    """Norm and largest value of all gradients together, without the scale of a fused optimizer."""
    import torch

    with torch.no_grad():
        device = grads[0].device
        dtype = torch.float64 if grads[0].dtype == torch.float64 else torch.float32
        parts = [
            torch.stack([one.to(device) for one in torch._foreach_norm(grads, order, dtype=dtype)])
            for order in (2.0, math.inf)
        ]
        both = torch.stack([parts[0].norm(), parts[1].max()])
        if isinstance(scale, torch.Tensor):
            both = both / scale.to(device)
        norm, largest = both.tolist()
    return norm, largest


def _is_plain(grad: Any) -> bool:
    """A dense tensor of this process; the norm of a sharded one would wait for the others."""
    import torch

    return type(grad) is torch.Tensor and grad.layout == torch.strided and grad.numel() > 0


def _is_distributed() -> bool:
    """Gradients are averaged over processes, which writes to them as well."""
    distributed = sys.modules.get("torch.distributed")
    return bool(distributed and distributed.is_available() and distributed.is_initialized())


def _bound(series: FloatArray) -> float | None:
    """The number at which the highest values pile up, if it is one that someone would type."""
    if not len(series) or series.max() <= 0:
        return None
    highest = float(series.max())
    if np.sum(series >= highest * (1 - CLOSE)) < PILE:
        return None
    near = (typed for typed in _typed(highest) if math.isclose(highest, typed, rel_tol=CLOSE))
    return next(near, None)


def _typed(value: float) -> Iterator[float]:
    """The numbers nearest to this one that someone would type, those with fewest digits first."""
    yield from (float(f"{value:.{digits}g}") for digits in DIGITS)
    if 1 / PARTS <= value < 1:
        yield _rounded(1 / round(1 / value))


def _spikes(norms: FloatArray) -> int:
    if len(norms) < 2:
        return 0
    median = np.median(norms)
    deviation = 1.4826 * np.median(np.abs(norms - median))
    return int(np.sum(norms > median + SPIKE * deviation)) if deviation else 0


def _rounded(value: Any) -> float:
    return float(f"{float(value):.6g}")


def _declared(params: dict[str, Any]) -> list[Declared]:
    return [
        Declared(name=name, value=value)
        for name, value in params.items()
        if name.rpartition(".")[2] in DECLARED
    ]
