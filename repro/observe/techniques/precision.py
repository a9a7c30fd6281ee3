"""Looks at dtypes, at autocast from inside the model, and at the scaler of the gradients."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from weakref import ref

from repro.facts.fact import Absent, Fact
from repro.facts.precision import Phase, Precision
from repro.observe.hook import Hook
from repro.observe.observer import observed
from repro.observe.technique import Ending, Technique, not_watched, untrained

FRAMES = 8  # between an optimizer's step and the scaler that called it


class PrecisionObserver(Technique):
    """Looks inside the first layer that has parameters: autocast may begin in `forward`."""

    kind: ClassVar[type[Fact]] = Precision

    def __init__(self) -> None:
        self._model: Any = None
        self._handle: Any = None
        self._inside: str | None = None  # phase of the call that has just begun
        self._device: str | None = None
        self._outer: dict[str, dict[str, None]] = {}  # dtypes by phase, in the order seen
        self._inner: dict[str, dict[str, None]] = {}
        self._has_stepped = False
        self._parameters: str | None = None
        self._gradients: str | None = None
        self._scaler: Any = None  # weak
        self._scales: list[float] = []
        self._n_skipped = 0

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Attach to the first layer of the first model, or of the one that replaced it."""
        if not hasattr(model, "named_modules") or model is self._model:
            return
        if self._model is None or self._has_stepped:
            self.unwatched()
            self._model = model
            layers = (layer for layer in model.modules() if layer is not model)
            first = next((layer for layer in layers if _own_parameter(layer) is not None), None)
            if first is not None:
                self._handle = first.register_forward_pre_hook(Hook(self._in_layer))

    def forward(self, model: Any, inputs: Sequence[Any]) -> None:
        """Note autocast around the call, and that the layer is to be looked into."""
        import torch

        is_learning = model.training and torch.is_grad_enabled()
        self._inside = "train" if is_learning else "eval"
        if self._device is None:
            self._device = next((p.device.type for p in model.parameters()), "cpu")
        self._note(self._outer, self._inside)

    def _in_layer(self, layer: Any, inputs: Any) -> None:
        phase, self._inside = self._inside, None
        if phase is not None:
            observed(self._note, self._inner, phase)

    def _note(self, dtypes: dict[str, dict[str, None]], phase: str) -> None:
        import torch

        device = self._device or "cpu"
        is_on = torch.is_autocast_enabled(device)
        dtype = str(torch.get_autocast_dtype(device)) if is_on else "none"
        dtypes.setdefault(phase, {})[dtype.removeprefix("torch.")] = None

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """Note the dtypes at the first step, and the scale of the scaler that called."""
        if not self._has_stepped:
            self._has_stepped = True
            trained = [p for group in optimizer.param_groups for p in group["params"]]
            owner = self._model.parameters() if self._model is not None else trained
            self._parameters = _dtypes(owner)
            self._gradients = _dtypes(p.grad for p in trained if p.grad is not None) or None
            scaler = _calling_scaler()
            self._scaler = None if scaler is None else ref(scaler)
        scaler = self._scaler() if self._scaler is not None else None
        if scaler is not None:
            self._follow(scaler)

    def _follow(self, scaler: Any) -> None:
        scale = float(scaler.get_scale())
        if self._scales and 0 < scale < self._scales[-1]:
            fall = math.log(scale / self._scales[-1], scaler.get_backoff_factor())
            self._n_skipped += round(fall)
        self._scales = [*self._scales[:1], scale]

    def unwatched(self) -> None:
        """Detach."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = None

    def at_end(self, ending: Ending) -> Precision | Absent:
        """What was seen."""
        if self._model is None:
            return not_watched("model") if self._has_stepped else untrained()
        seen = {**self._outer, **self._inner}
        is_scaled = self._scaler is not None
        return Precision(
            parameters=self._parameters or _dtypes(self._model.parameters()) or "none",
            gradients=self._gradients,
            autocast=tuple(
                Phase(phase=phase, dtype="+".join(sorted(seen[phase]))) for phase in sorted(seen)
            ),
            is_scaled=is_scaled,
            device=self._device,
            first_scale=self._scales[0] if self._scales else None,
            last_scale=self._scales[-1] if self._scales else None,
            n_skipped=self._n_skipped if is_scaled else None,
        )


def _own_parameter(layer: Any) -> Any:
    return next(iter(layer.parameters(recurse=False)), None)


def _dtypes(tensors: Iterable[Any]) -> str:
    return "+".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}))


def _calling_scaler() -> Any:
    """The GradScaler whose `step` called the optimizer, found among the callers."""
    frame: Any = sys._getframe(1)
    n_scaler_free = 0
    while frame is not None and n_scaler_free < 4 * FRAMES:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "step" else None
        if any(kind.__name__ == "GradScaler" for kind in type(owner).__mro__):
            return owner
        frame, n_scaler_free = frame.f_back, n_scaler_free + 1
    return None
