"""One of two equal trainings is disturbed: the trace names the step, the component, the thing."""

import random

import numpy as np
import pytest
import torch
from traced_training import Loop, traced

from repro.trace import first_difference

AT = 5


def flip_bit(tensor: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.view(-1)[:1].view(torch.int32).bitwise_xor_(1)


def swap_samples(loop: Loop) -> None:
    loop.batch[0][[0, 1]] = loop.batch[0][[1, 0]]


def flip_label(loop: Loop) -> None:
    loop.batch[1][2] = (loop.batch[1][2] + 1) % 3


def augment(loop: Loop) -> None:
    loop.batch[0] *= 1 + 2**-20


def next_lr(loop: Loop) -> None:
    group = loop.optimizer.param_groups[0]
    group["lr"] = float(np.nextafter(group["lr"], 1))


def beta(loop: Loop) -> None:
    loop.optimizer.param_groups[0]["betas"] = (0.9, 0.99)


def momentum(loop: Loop) -> None:
    flip_bit(loop.optimizer.state[loop.model[3].weight]["exp_avg"])


def counter(loop: Loop) -> None:
    loop.optimizer.state[loop.model[0].bias]["step"] += 1


def gradient(loop: Loop) -> None:
    loop.model[0].weight.register_hook(lambda grad: grad * (1 + 2**-22))


def flush(loop: Loop) -> None:
    torch.backends.mkldnn.enabled = False


FAULTS = {
    "one bit of a weight": (
        *(lambda loop: flip_bit(loop.model[0].weight), "batch"),
        *(AT, "parameters", "0.weight"),
    ),
    "one bit of a weight between backward and step": (
        *(lambda loop: flip_bit(loop.model[3].bias), "step"),
        *(AT, "updated", "3.bias"),
    ),
    "a weight edited after the step": (
        *(lambda loop: flip_bit(loop.model[3].weight), "end"),
        *(AT + 1, "parameters", "3.weight"),
    ),
    "two samples swapped": (swap_samples, "batch", AT, "batch", "train[0]"),
    "a label flipped": (flip_label, "batch", AT, "batch", "train[1]"),
    "another augmentation": (augment, "batch", AT, "batch", "train[0]"),
    "an input changed after it was handed out": (augment, "forward", AT, "batch", "inputs[0]"),
    "the learning rate, by one unit in the last place": (
        *(next_lr, "step"),
        *(AT, "settings", "param_groups[0]['lr']"),
    ),
    "a momentum coefficient": (beta, "batch", AT, "settings", "param_groups[0]['betas']"),
    "the scheduler stepped twice": (
        *(lambda loop: loop.scheduler.step(), "end"),
        *(AT + 1, "settings", "param_groups[0]['lr']"),
    ),
    "one bit of the momentum": (momentum, "batch", AT, "state", "3.weight.exp_avg"),
    "the optimizer's counter": (counter, "batch", AT, "state", "0.bias.step"),
    "a hook on a gradient": (gradient, "forward", AT, "gradients", "0.weight"),
    "a gradient edited before the step": (
        *(lambda loop: flip_bit(loop.model[3].bias.grad), "step"),
        *(AT, "gradients", "3.bias"),
    ),
    "a draw from torch before the batch": (lambda _: torch.rand(1), "batch", AT, "rng", "torch"),
    "a draw from torch before the forward pass": (
        *(lambda _: torch.rand(1), "forward"),
        *(AT, "rng", "torch"),
    ),
    "a dropout mask drawn once more": (
        *(lambda loop: loop.model[2](torch.ones(4)), "backward"),
        *(AT, "rng", "torch"),
    ),
    "a draw from numpy": (lambda _: np.random.rand(), "step", AT, "rng", "numpy"),
    "a draw from python": (lambda _: random.random(), "batch", AT, "rng", "python"),
    "a switch turned off": (flush, "forward", AT, "switches", "torch.backends.mkldnn.enabled"),
    "dropout turned off": (
        *(lambda loop: loop.model[2].eval(), "forward"),
        *(AT, "switches", "model.training"),
    ),
}


@pytest.fixture(scope="module")
def undisturbed():
    return traced()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name, undisturbed):
    fault, when, step, component, tensor = FAULTS[name]
    found = first_difference(undisturbed, traced(fault, at=AT, when=when))
    assert (found.step, found.component, found.tensor) == (step, component, tensor)
    assert found.since == step - 1
    assert found.a != found.b


def test_two_equal_trainings_have_no_difference_and_one_chain(undisturbed):
    again = traced()
    assert first_difference(undisturbed, again) is None
    assert again.chain == undisturbed.chain
