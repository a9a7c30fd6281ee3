"""Counts batches, samples and optimizer steps while training, and looks at the optimizer.

Torch's global optimizer hooks see every optimizer that steps; the model's forward hook sees the
batches when no loader of ours does. Both are removed at the end.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import filterfalse
from typing import Any
from weakref import ref

from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.fact import Absent
from repro.facts.optimizer import Optimizer
from repro.facts.scores import Weights
from repro.observe.architecture import is_initialized, unwrapped
from repro.observe.audience import Audience
from repro.observe.counting import Counting, most_frequent
from repro.observe.fit_scope import Fits, listening
from repro.observe.hook import Hook, Unscripted, is_scripted
from repro.observe.observer import observed
from repro.observe.optimizers import Optimizers, described
from repro.observe.sampler import sampler_of
from repro.observe.study import is_study
from repro.observe.technique import Technique, is_sampled, untrained
from repro.observe.techniques import technique_types
from repro.observe.watched_weights import WatchedWeights

IN_ORDER = ("SequentialSampler", "_InfiniteConstantSampler")


class Training:
    """What one run's training loop does."""

    def __init__(
        self, is_current: Callable[[], bool], techniques: Sequence[Technique] = ()
    ) -> None:
        """`techniques`: others that are to be told, too."""
        self._is_current = is_current
        self.on_sampled_step: Callable[[int], object] | None = None
        self.audience = Audience([*(kind() for kind in technique_types()), *techniques])
        self._fits = Fits(is_current, self.audience.tell)
        self._fit_hooks = ExitStack()
        self._handles: list[Any] = []
        self._forward_handle: Any = None
        self._backward_handle: Any = None
        self._model: Any = None
        self._weights = WatchedWeights()
        self._scheduler: Any = None
        self.watched: list[tuple[str, Any]] = []  # weak, by kind: what later steps depend on
        self._optimizers = Optimizers()
        self._loader: Any = None
        self._counting = Counting()
        self._loading: set[int] = set()  # ids of models whose load_state_dict is noticed
        self._is_fresh = False  # no step since the last `watch`
        self.n_steps = 0
        self.first_step = 0  # steps that were made before: by the process that wrote a checkpoint
        self.is_restoring = False  # the run's own checkpoint is read: no weights from elsewhere

    @property
    def step(self) -> int:
        """Steps of the first optimizer, with those before the checkpoint that was gone on from."""
        return self.first_step + self.n_steps

    def go_on_at(self, step: int) -> None:
        """A checkpoint was restored that was written after so many steps."""
        if self.n_steps:
            self._weights.restored_at = step
        self.first_step = step - self.n_steps
        self.audience.tell("continue_at", step)

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
                Unscripted(),
            ]
            self.audience.tell("hooked")

    def watch(self, model: Any, optimizer: Any, scheduler: Any, loss: Any = None) -> None:
        """Remember the objects; count batches at the forward of the first model.

        Objects that are shown after steps were made replace those before: they count from now on.
        """
        if is_study(model):
            self.audience.tell("searched", model)
            return
        is_news = (
            model is not self._model if optimizer is None else not self._optimizers.knows(optimizer)
        )
        is_later = self.n_steps > 0 and is_news
        kept = [] if is_later else self.watched
        shown = (("optimizer", optimizer), ("scheduler", scheduler))
        self.watched = [*kept, *((kind, ref(one)) for kind, one in shown if _is_weak(one))]
        self._model, self._scheduler, self._is_fresh = model, scheduler, True
        self._weights.watch(unwrapped(model))
        self.audience.tell("watched", model, optimizer, scheduler, loss)
        if optimizer is not None:
            self._optimizers.remember(optimizer)
            if is_later:
                self._optimizers.lead(optimizer)
        if hasattr(model, "register_forward_pre_hook") and (
            is_later or self._forward_handle is None
        ):
            self.hook_optimizers()
            self._hook_forward(model)
        if optimizer is not None and self._optimizers.leads(optimizer):
            self._hook_backward(optimizer)
        self._hook_loading(unwrapped(model))

    def _hook_loading(self, model: Any) -> None:
        """Notice when the weights of a model, or of one of its children, are set from a state."""
        if hasattr(model, "register_load_state_dict_post_hook") and id(model) not in self._loading:
            self._loading.add(id(model))
            for module in filterfalse(is_scripted, (model, *model.children())):
                look = Hook(self._after_load)
                self._handles.append(module.register_load_state_dict_post_hook(look))

    def _after_load(self, module: Any, keys: Any) -> None:
        if self._is_current() and not self.is_restoring:
            observed(self._weights.loaded, module, self.step)
            self.audience.tell("state_loaded", module, tuple(keys.missing_keys))

    def _hook_forward(self, model: Any) -> None:
        if self._forward_handle is not None:
            self._forward_handle.remove()
            self._forward_handle = None
        if is_scripted(model):
            return
        look = Hook(self._before_forward)
        self._forward_handle = model.register_forward_pre_hook(look, with_kwargs=True)

    def _hook_backward(self, optimizer: Any) -> None:
        """Notice backward passes at one of the parameters that are trained."""
        if self._backward_handle is not None:
            self._backward_handle.remove()
        trained = (p for group in optimizer.param_groups for p in group["params"])
        one = next(
            (p for p in trained if is_initialized(p) and p.requires_grad and p.is_leaf), None
        )
        if one is not None:
            look = Hook(self._after_backward)
            self._backward_handle = one.register_post_accumulate_grad_hook(look)

    def hook_fits(self) -> None:
        """See what scikit-learn fits from now on, up to a limit; it must be loaded."""
        hooked = observed(self._fit_hooks.enter_context, listening(self._fits))
        self.audience.tell("fits_hooked", hooked if isinstance(hooked, Absent) else None)

    def watch_fits(self) -> AbstractContextManager[None]:
        """A block in which the techniques are told all that scikit-learn fits."""
        return self._fits.asked()

    def feeds(self, loader: Any) -> None:
        """A loader that we see gives the training batches: it counts them, not the forward hook."""
        self.hook_optimizers()
        self._loader = loader

    def saw_batch(self, n_samples: int) -> None:
        """One batch was handed to the training loop."""
        self._counting.handed_out(n_samples)

    def unhook(self) -> None:
        """Remove every hook."""
        self.audience.tell("unwatched")
        self._fit_hooks.close()
        for handle in (*self._handles, self._forward_handle, self._backward_handle):
            if handle is not None:
                handle.remove()
        self._handles = []

    def _before_forward(self, module: Any, args: Any, kwargs: Any) -> None:
        if self._is_current():
            inputs = (*args, *kwargs.values())
            self.audience.tell("forward", module, inputs)
            observed(self._count_forward, module, inputs)

    def _count_forward(self, module: Any, inputs: tuple[Any, ...]) -> None:
        import torch

        if not (module.training and torch.is_grad_enabled()):
            self._counting.evaluated()
        elif self._loader is not None:
            self._counting.learned()
        else:
            first = next((value for value in inputs if isinstance(value, torch.Tensor)), None)
            if first is not None and first.ndim:
                self._counting.called_with(first)

    def _after_backward(self, parameter: Any) -> None:
        if self._is_current():
            self._counting.went_backward()
            self.audience.tell("backward", parameter)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._is_current():
            observed(self._optimizers.before_step, optimizer)
            if self._backward_handle is None and self._optimizers.leads(optimizer):
                observed(self._hook_backward, optimizer)
            self.audience.tell("before_step", optimizer, self.n_steps)
            if is_sampled(self.n_steps) or self._is_fresh:
                self._is_fresh = False
                self.audience.tell("sampled_step", optimizer, self.n_steps)
                if self.on_sampled_step is not None:
                    observed(self.on_sampled_step, self.n_steps)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._is_current():
            return
        self.audience.tell("after_step", optimizer, self.n_steps)
        if self._optimizers.leads(optimizer):
            self.n_steps += 1
            self._counting.stepped()

    def optimizer(self) -> Optimizer | Absent:
        """Every optimizer that stepped or was watched."""
        scheduler = None if self._scheduler is None else described(self._scheduler)
        return self._optimizers.fact(scheduler) or untrained()

    def batching(self) -> Batching | Absent:
        """Most frequent batch and step sizes."""
        if not self._optimizers:
            return untrained()
        counted = self._counting
        if not counted.effective:
            reason = "no batch was seen: run.watch(model, optimizer) or run.dataloader(dataset)"
            return Absent(reason=reason, kind="not_recorded")
        loader = self._loader
        world = _world_size()
        return Batching(
            micro=most_frequent(counted.micro),
            accumulation=most_frequent(counted.accumulation),
            world=world,
            effective=most_frequent(counted.effective) * world,
            backwards=most_frequent(counted.backwards) if counted.backwards else None,
            observed_from="forward" if loader is None else "loader",
            shuffle=_shuffles(loader),
            drop_last=getattr(loader, "drop_last", None),
            n_workers=getattr(loader, "num_workers", None),
        )

    @property
    def batch_sizes(self) -> Mapping[int, int]:
        """Rows of the batches that were learned from, and how many of each size there were."""
        self._counting.settle()
        return self._counting.micro

    def is_in_training_mode(self) -> bool | None:
        """Whether any module of the watched torch model is, be it one Dropout or BatchNorm.

        None: no torch model was watched. That the mode changes nothing in some modules (Linear)
        does not count: who did not call `eval()` did not mean to score.
        """
        modules = getattr(unwrapped(self._model), "modules", None)
        return any(module.training for module in modules()) if modules else None

    def weights(self) -> Weights | None:
        """Of the model that was watched last, as they are now; None: no torch model was."""
        return self._weights.look(self.step)

    def budget(self, *, n_train: int | None, n_test_reads: int, wall_seconds: float) -> Budget:
        """What was counted."""
        sizes = self.batch_sizes
        n_batches = sum(sizes.values())
        n_samples = sum(size * times for size, times in sizes.items()) * _world_size()
        is_counted = n_batches > 0
        return Budget(
            n_steps=self.n_steps if self._optimizers else None,
            n_batches=n_batches if is_counted else None,
            n_samples=n_samples if is_counted else None,
            n_epochs=round(n_samples / n_train, 6) if is_counted and n_train else None,
            n_test_reads=n_test_reads,
            wall_seconds=round(wall_seconds, 3),
        )


def _is_weak(value: Any) -> bool:
    """Whether it can be known without keeping it alive."""
    return value is not None and hasattr(value, "__weakref__")


def _shuffles(loader: Any) -> bool | None:
    """Whether a loader shuffles; None: it has no sampler of its own to tell."""
    sampler = sampler_of(loader)
    if sampler is None:
        return None
    return bool(getattr(sampler, "shuffle", type(sampler).__name__ not in IN_ORDER))


def _world_size() -> int:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 1
    return int(distributed.get_world_size())
