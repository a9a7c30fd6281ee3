import argparse
import enum
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from repro.errors import UsageError
from repro.observe.params import TEXT_CHARACTERS, declared, scalar


class Activation(enum.Enum):
    RELU = "relu"


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass
class Config:
    optimizer: Optimizer = field(default_factory=Optimizer)


class Model(BaseModel):
    width: int = 32
    optimizer: Optimizer = Optimizer()


def flat(params):
    return {param.name: param.value for param in declared(params)}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"b": 1, "a": {"x": {"y": None}}}, {"b": 1, "a.x.y": None}),
        (Config(), {"optimizer.lr": 0.1, "optimizer.betas": "(0.9, 0.999)"}),
        (Model(), {"width": 32, "optimizer.lr": 0.1, "optimizer.betas": "(0.9, 0.999)"}),
        (argparse.Namespace(lr=0.1, data=Path("a/b")), {"lr": 0.1, "data": "a/b"}),
        ({"inner": argparse.Namespace(lr=0.1)}, {"inner.lr": 0.1}),
    ],
    ids=["none", "empty", "dict", "dataclass", "pydantic", "namespace", "namespace in dict"],
)
def test_every_kind_of_configuration_is_flattened(params, expected):
    assert flat(params) == expected


def test_the_order_of_the_declaration_is_kept():
    assert [param.name for param in declared({"z": 1, "a": 2})] == ["z", "a"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            [1, 2],
            "params=[1, 2] is a list. "
            "Pass a dict, a dataclass, a pydantic model or an argparse namespace.",
        ),
        (
            Optimizer,
            f"params={Optimizer!r} is a type. "
            "Pass a dict, a dataclass, a pydantic model or an argparse namespace.",
        ),
        ({1: 2}, "params have a key 1. Every key is a string, and not empty."),
        ({"a": {"": 2}}, "params have a key ''. Every key is a string, and not empty."),
        (
            {"a": {"b": 1}, "a.b": 2},
            "params hold 'a.b' twice once nested names are joined with dots. Rename one of them.",
        ),
    ],
    ids=["list", "class", "number", "empty", "twice"],
)
def test_what_cannot_be_flattened_is_refused_with_the_whole_story(params, message):
    with pytest.raises(UsageError) as caught:
        declared(params)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, True),
        (3, 3),
        (0.1, 0.1),
        (None, None),
        ("sgd", "sgd"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1, 2]), "[1, 2]"),
        (torch.tensor(2.0), 2.0),
        (Activation.RELU, "relu"),
        (torch.nn.ReLU, "ReLU"),
        (torch.nn.functional.relu, "relu"),
        (torch.float16, "torch.float16"),
        ((1, "a"), "(1, 'a')"),
        (Path("a"), "a"),
    ],
)
def test_a_value_is_stored_as_a_scalar_or_as_its_text(value, stored):
    kept = scalar(value)
    assert (kept, type(kept)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a" * 5_000 + "b", "a" * 5_000 + "c"),
        (list(range(2_000)), [*range(1_999), 0]),
        (np.zeros(2_000), np.eye(1, 2_000, 1_000)[0]),
        (torch.zeros(2_000), torch.eye(2_000)[1_000]),
    ],
    ids=["text", "list", "array", "tensor"],
)
def test_two_long_values_that_differ_late_stay_two(left, right):
    assert scalar(left) == scalar(left)
    assert scalar(left) != scalar(right)
    assert len(scalar(left)) < TEXT_CHARACTERS + 100
