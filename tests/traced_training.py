"""A small training that is traced without a run around it, and whose steps can be meddled with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from repro.determinism import Controlled
from repro.observe.feed import connect
from repro.observe.loader import WatchedLoader
from repro.observe.technique import Ending
from repro.observe.training import Training
from repro.trace import Trace, read
from repro.trace.pace import Tracing
from repro.trace.recorder import Recorder, recorder_for

N_STEPS = 12


@dataclass
class Loop:
    """Everything that a fault can reach."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    step: int = 0
    batch: list[torch.Tensor] = field(default_factory=list)


Fault = Callable[[Loop], object]


def nothing(loop: Loop) -> None:
    pass


def batches() -> list[list[torch.Tensor]]:
    made = torch.Generator().manual_seed(7)
    return [
        [torch.randn(6, 8, generator=made), torch.randint(3, (6,), generator=made)]
        for _ in range(N_STEPS)
    ]


def model_of_two_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 3))


def recorder(level: str = "full", **how: Any) -> Recorder:
    made = recorder_for(Tracing(level, **{"steps": frozenset(range(10_000)), **how}), yes, 1)
    assert isinstance(made, Recorder)
    return made


def yes() -> bool:
    return True


def traced(
    fault: Fault = nothing, *, at: int = 5, when: str = "batch", level: str = "full", **how: Any
) -> Trace:
    """The trace of a training in which `fault` happens before or after a part of step `at`.

    `when`: "batch" is before it is handed out, then "forward", "backward", "step" and "end".
    """
    kept = recorder(level, **how)
    training = Training(yes, [kept])
    with Controlled(3):
        try:
            _train(training, lambda name, loop: (name, loop.step) == (when, at) and fault(loop))
        finally:
            training.unhook()
    return read(kept.file.content())


def _train(training: Training, reach: Callable[[str, Loop], object]) -> None:
    model = model_of_two_layers()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    loop = Loop(model, optimizer, scheduler)
    training.watch(model, optimizer, scheduler)

    def handed_out() -> Any:
        for loop.step, loop.batch in enumerate(batches()):
            reach("batch", loop)
            yield loop.batch

    loader = WatchedLoader(list(range(N_STEPS)))
    loader.loader = type("Batches", (), {"__iter__": lambda self: handed_out()})()
    connect(loader, "train", training, None)
    for inputs, labels in loader:
        optimizer.zero_grad()
        reach("forward", loop)
        loss = nn.functional.cross_entropy(model(inputs), labels)
        reach("backward", loop)
        loss.backward()
        reach("step", loop)
        optimizer.step()
        scheduler.step()
        reach("end", loop)


def fact_of(kept: Recorder, n_steps: int = N_STEPS) -> Any:
    return kept.at_end(Ending(n_steps=n_steps))
