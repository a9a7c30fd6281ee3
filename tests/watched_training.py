"""A training loop of a few steps that is watched, without a run around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from repro.facts.fact import Absent, Fact
from repro.observe.technique import Ending
from repro.observe.training import Training


def mlp() -> torch.nn.Sequential:
    """Two layers, of 16 features."""
    return torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))


@contextmanager
def watching() -> Iterator[Training]:
    """Hooks that are gone at the end, whatever happened."""
    training = Training(lambda: True)
    try:
        yield training
    finally:
        training.unhook()


def facts(training: Training, **ending: Any) -> dict[str, Fact | Absent]:
    """What every technique saw, as it would be recorded."""
    known = {"n_steps": training.n_steps, "batch_sizes": training.batch_sizes, **ending}
    return training.audience.facts(Ending(**known))


def step(
    model: Any, optimizer: Any, inputs: torch.Tensor, loss: Callable[..., Any] | None = None
) -> None:
    """One step on a loss that needs no labels."""
    optimizer.zero_grad()
    output = model(inputs)
    output = output[0] if isinstance(output, tuple) else output
    (loss(output) if loss else output.float().square().mean()).backward()
    optimizer.step()


def seen(
    model: Any,
    inputs: torch.Tensor,
    *,
    n_steps: int = 2,
    optimizer: Any = None,
    between: Callable[[], None] | None = None,
    **ending: Any,
) -> dict[str, Any]:
    """The facts of a model that is trained for some steps; `between` is called before the last."""
    with watching() as training:
        if optimizer is None:
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        training.watch(model, optimizer, None)
        for number in range(n_steps):
            if between is not None and number == n_steps - 1:
                between()
            step(model, optimizer, inputs)
        training.unhook()
        return facts(training, **ending)
