"""Tells whether a model can fit one batch, on a copy of it."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

from repro.determinism import isolated
from repro.errors import UsageError
from repro.facts.fact import Absent
from repro.observe.architecture import unwrapped
from repro.observe.observer import observed
from repro.tracked import active_run

SHARE_LEFT = 0.05  # of the first loss, from which on the batch counts as fitted
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam, Kingma and Ba 2015


@dataclass(frozen=True)
class OverfitProbe:
    """Whether a copy of a model has fitted one batch; `reached` is None if `reason` says why."""

    reached: bool | None
    first_loss: float | None = None
    last_loss: float | None = None
    share_left: float | None = None  # (last - floor) / (first - floor)
    n_steps: int = 0
    reason: str | None = None


def overfit_probe(
    model: Any,
    batch: Any,
    loss_fn: Callable[[Any, Any], Any],
    *,
    steps: int = 300,
    lr: float = 1e-3,
    floor: float = 0.0,
) -> OverfitProbe:
    """Train a copy of the model on one batch, and tell whether its loss can be brought down.

    The batch is fitted when at most 5 % of the first loss is left above the floor. A model that
    does not reach that has too little capacity, a fault, or too few steps. The copy is in training
    mode, its dropout is off, and it learns with Adam in full precision; parameters that are frozen
    stay so. Nothing of the model or the run changes, generators included; a run that is active
    records the result. Hooks of yours that are part of the model run on the copy, too.

    Parameters
    ----------
    model : torch.nn.Module
        Built lazily or not; without the wrappers of DDP and `torch.compile`.
    batch : pair (inputs, targets)
        The model is called with the inputs: one tensor, a tuple of arguments or a dict of them.
    loss_fn : callable(output, targets) -> tensor of one element
    steps : int
        At most; the probe stops when the batch is fitted.
    lr : float
        Learning rate of Adam.
    floor : float
        The smallest value that the loss can have: above 0 with label smoothing, below 0 for a
        density's log-likelihood.

    Raises
    ------
    UsageError
        The batch is no pair, or `steps` no positive number.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise UsageError(
            f"overfit_probe(batch={type(batch).__name__}): pass the pair (inputs, targets)."
        )
    if steps < 1:
        raise UsageError(f"overfit_probe(steps={steps}): a probe makes at least one step.")
    look = partial(_probed, unwrapped(model), batch, loss_fn, steps=steps, lr=lr, floor=floor)
    found = observed(look)
    if isinstance(found, Absent):
        found = OverfitProbe(reached=None, reason=found.reason)
    run = active_run()
    if run is not None:
        run.training.audience.tell("probed", unwrapped(model), found)
    return found


def _probed(
    model: Any, batch: Any, loss_fn: Any, *, steps: int, lr: float, floor: float
) -> OverfitProbe:
    import torch

    with ExitStack() as stack:
        stack.enter_context(isolated())
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        for device in {"cpu", *(p.device.type for p in model.parameters())}:
            # It keeps the casts of weights until it ends: the copy would never see its own steps.
            stack.enter_context(torch.autocast(device, enabled=False))
        inputs, targets = _own(batch[0]), _own(batch[1])
        twin = _twin(model)
        loss_fn = copy.deepcopy(loss_fn) if isinstance(loss_fn, torch.nn.Module) else loss_fn
        losses = _losses(twin, inputs, lambda output: loss_fn(output, _own(targets)), lr)
        return _judged(losses, steps, floor)


def _judged(losses: Iterator[float], steps: int, floor: float) -> OverfitProbe:
    first = last = next(losses)
    if not isfinite(first):
        return OverfitProbe(None, first, first, reason=f"the first loss is {first}")
    if first < floor:
        reason = f"the first loss, {first:g}, is below the floor, {floor:g}: pass floor="
        return OverfitProbe(None, first, first, reason=reason)
    n_steps = 0
    while n_steps < steps and isfinite(last) and last - floor > SHARE_LEFT * (first - floor):
        last, n_steps = next(losses), n_steps + 1
    if not isfinite(last):
        return OverfitProbe(False, first, last, None, n_steps, f"the loss is {last} in the end")
    share = (last - floor) / (first - floor) if first > floor else 0.0
    return OverfitProbe(share <= SHARE_LEFT, first, last, round(share, 4), n_steps)


def _losses(twin: Any, inputs: Any, loss_of: Callable[[Any], Any], lr: float) -> Iterator[float]:
    """The loss before each step. Not an optimizer of torch: its hooks would count the steps."""
    import torch

    loss = loss_of(_called(twin, inputs))  # builds lazy modules
    learned = [p for p in twin.parameters() if p.requires_grad]
    if not learned:
        raise UsageError("no parameter of the model learns: requires_grad is False everywhere.")
    means = [torch.zeros_like(p) for p in learned]
    squares = [torch.zeros_like(p) for p in learned]
    step = 0
    while True:
        yield float(loss.detach())
        step += 1
        # Not backward(): a loss may reach weights of the real model, whose .grad is not ours.
        gradients = torch.autograd.grad(loss, learned, allow_unused=True)
        with torch.no_grad():
            for p, mean, square, g in zip(learned, means, squares, gradients, strict=True):
                if g is not None:
                    mean.lerp_(g, 1 - BETA1)
                    square.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                    scale = (square / (1 - BETA2**step)).sqrt_().add_(EPSILON)
                    p.addcdiv_(mean / (1 - BETA1**step), scale, value=-lr)
        loss = loss_of(_called(twin, inputs))


def _called(twin: Any, inputs: Any) -> Any:
    """Called with copies: a model may write over its inputs."""
    given = _own(inputs)
    if isinstance(given, Mapping):
        return twin(**given)
    return twin(*given) if isinstance(given, tuple | list) else twin(given)


def _twin(model: Any) -> Any:
    """A copy without gradients that trains, with dropout off."""
    import torch

    twin = copy.deepcopy(model).train()
    for parameter in twin.parameters():
        parameter.grad = None
    for module in twin.modules():
        if "Dropout" in type(module).__name__:
            module.eval()
        elif isinstance(module, torch.nn.RNNBase | torch.nn.MultiheadAttention):
            module.dropout = 0.0
    return twin


def _own(value: Any) -> Any:
    """The same values, in memory of their own and apart from any graph."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {name: _own(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(_own, value)) if type(value) in (tuple, list) else value
    return value
