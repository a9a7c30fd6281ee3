"""Counts batches, samples and optimizer steps while training, and looks at the optimizer.

Torch's global optimizer hooks see every optimizer that steps; the model's forward hook sees the
batches when no loader of ours does. Both are removed at the end.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from repro.facts.architecture import Architecture
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.fact import Absent, Scalar
from repro.facts.optimizer import Group, Optimizer, Setting
from repro.observe.architecture import from_model
from repro.observe.audience import Audience
from repro.observe.params import scalar
from repro.observe.techniques import technique_types

NOTHING_TRAINED = "no torch optimizer stepped in this run"
OTHER_FRAMEWORKS = ("jax", "tensorflow", "mxnet", "paddle")
MOVING = ("last_epoch", "best", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i")
BOOKKEEPING = ("params", "initial_lr", "param_names", "swa_lr")  # of a param group: no settings


class Training:
    """What one run's training loop does."""

    def __init__(self, is_current: Callable[[], bool]) -> None:
        self._is_current = is_current
        self.audience = Audience([kind() for kind in technique_types()])
        self._handles: list[Any] = []
        self._model: Any = None
        self._counts_forwards = False
        self._scheduler: Any = None
        self._optimizers: list[Any] = []
        self._settings: dict[int, list[dict[str, Scalar]]] = {}
        self._loader: Any = None
        self._micro: Counter[int] = Counter()
        self._accumulation: Counter[int] = Counter()
        self._effective: Counter[int] = Counter()
        self._since_step: list[int] = []
        self.n_steps = 0

    def hook_optimizers(self) -> None:
        """See every optimizer step from now on; torch must be loaded."""
        from torch.optim.optimizer import (
            register_optimizer_step_post_hook,
            register_optimizer_step_pre_hook,
        )

        if not self._handles:
            self._handles = [
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
            ]

    def watch(self, model: Any, optimizer: Any, scheduler: Any, loss: Any = None) -> None:
        """Remember the objects; count batches at the forward of the first model."""
        self._model, self._scheduler = model, scheduler
        self.audience.tell("watched", model, optimizer, scheduler, loss)
        if optimizer is not None:
            self._remember(optimizer)
        if hasattr(model, "register_forward_pre_hook") and not self._counts_forwards:
            self._counts_forwards = True
            self.hook_optimizers()
            self._handles.append(
                model.register_forward_pre_hook(self._before_forward, with_kwargs=True)
            )

    def feeds(self, loader: Any) -> None:
        """A loader of ours gives the training batches: it counts them, not the forward hook."""
        self.hook_optimizers()
        self._loader = loader

    def saw_batch(self, n_samples: int) -> None:
        """One batch was handed to the training loop."""
        self._micro[n_samples] += 1
        self._since_step.append(n_samples)

    def unhook(self) -> None:
        """Remove every hook."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before_forward(self, module: Any, args: Any, kwargs: Any) -> None:
        import torch

        if not self._is_current():
            return
        inputs = (*args, *kwargs.values())
        self.audience.tell("forward", module, inputs)
        if self._loader is None and module.training and torch.is_grad_enabled():
            first = next((value for value in inputs if isinstance(value, torch.Tensor)), None)
            if first is not None and first.ndim:
                self.saw_batch(int(first.shape[0]))

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._is_current():
            self._remember(optimizer)
            if id(optimizer) not in self._settings:
                self._settings[id(optimizer)] = _settings(optimizer)
            self.audience.tell("before_step", optimizer, self.n_steps)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._is_current():
            return
        self.audience.tell("after_step", optimizer, self.n_steps)
        if optimizer is not self._optimizers[0]:
            return
        self.n_steps += 1
        if self._since_step:
            self._accumulation[len(self._since_step)] += 1
            self._effective[sum(self._since_step)] += 1
            self._since_step.clear()

    def _remember(self, optimizer: Any) -> None:
        if all(optimizer is not known for known in self._optimizers):
            self._optimizers.append(optimizer)

    def optimizer(self) -> Optimizer | Absent:
        """Every optimizer that stepped or was watched."""
        if not self._optimizers:
            return _untrained()
        groups = [
            group
            for optimizer in self._optimizers
            for group in self._settings.get(id(optimizer)) or _settings(optimizer)
        ]
        first, *others = groups
        parameters = {
            id(parameter): parameter.numel()
            for optimizer in self._optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        return Optimizer(
            name="+".join(type(optimizer).__name__ for optimizer in self._optimizers),
            settings=_as_settings(first),
            n_groups=len(groups),
            n_parameters=sum(parameters.values()),
            groups=tuple(
                Group(index=index, settings=_as_settings(_difference(first, other)))
                for index, other in enumerate(others, start=1)
            ),
            scheduler=None if self._scheduler is None else _described(self._scheduler),
        )

    def batching(self) -> Batching | Absent:
        """Most frequent batch and step sizes."""
        if not self._optimizers:
            return _untrained()
        if not self._effective:
            reason = "no batch was seen: run.watch(model, optimizer) or run.dataloader(dataset)"
            return Absent(reason=reason, kind="not_recorded")
        loader = self._loader
        world = _world_size()
        return Batching(
            micro=_most_frequent(self._micro),
            accumulation=_most_frequent(self._accumulation),
            world=world,
            effective=_most_frequent(self._effective) * world,
            observed_from="forward" if loader is None else "loader",
            shuffle=None if loader is None else _shuffles(loader),
            drop_last=None if loader is None else bool(loader.drop_last),
            n_workers=None if loader is None else int(loader.num_workers),
        )

    def architecture(self) -> Architecture | Absent:
        """The model that was watched."""
        if self._model is not None:
            return from_model(self._model)
        if not self._optimizers:
            return _untrained()
        reason = "the model was not handed over: run.watch(model, optimizer)"
        return Absent(reason=reason, kind="not_recorded")

    def budget(self, *, n_train: int | None, n_test_reads: int, wall_seconds: float) -> Budget:
        """What was counted."""
        n_batches = sum(self._micro.values())
        n_samples = sum(size * times for size, times in self._micro.items())
        is_counted = n_batches > 0
        return Budget(
            n_steps=self.n_steps if self._optimizers else None,
            n_batches=n_batches if is_counted else None,
            n_samples=n_samples if is_counted else None,
            n_epochs=round(n_samples / n_train, 6) if is_counted and n_train else None,
            n_test_reads=n_test_reads,
            wall_seconds=round(wall_seconds, 3),
        )


def _untrained() -> Absent:
    other = next((name for name in OTHER_FRAMEWORKS if name in sys.modules), None)
    if other is not None:
        reason = f"{NOTHING_TRAINED}, but {other} is loaded and cannot be observed"
        return Absent(reason=reason, kind="not_recorded")
    return Absent(reason=NOTHING_TRAINED, kind="not_applicable")


def _described(scheduler: Any) -> str:
    """Class and plain settings of a scheduler, without what changes as it goes."""
    state = scheduler.state_dict() if hasattr(scheduler, "state_dict") else {}
    settings = [
        f"{name}={state[name]!r}"
        for name in sorted(state)
        if name[0] != "_" and name not in MOVING and isinstance(state[name], int | float | str)
    ]
    return f"{type(scheduler).__name__}({', '.join(settings)})"


def _settings(optimizer: Any) -> list[dict[str, Scalar]]:
    return [
        {name: _plain(value) for name, value in group.items() if name not in BOOKKEEPING}
        for group in optimizer.param_groups
    ]


def _plain(value: Any) -> Scalar:
    if hasattr(value, "numel"):  # a tensor: lr of a capturable optimizer
        return float(value)
    return scalar(value)


def _as_settings(values: dict[str, Scalar]) -> tuple[Setting, ...]:
    return tuple(Setting(name=name, value=values[name]) for name in sorted(values))


def _difference(first: dict[str, Scalar], other: dict[str, Scalar]) -> dict[str, Scalar]:
    return {name: value for name, value in other.items() if first.get(name, ...) != value}


def _most_frequent(counts: Counter[int]) -> int:
    return counts.most_common(1)[0][0]


def _shuffles(loader: Any) -> bool:
    return type(loader.sampler).__name__ not in ("SequentialSampler", "_InfiniteConstantSampler")


def _world_size() -> int:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 1
    return int(distributed.get_world_size())
