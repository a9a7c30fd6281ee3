"""Determinism: set, derive, check and give back every source of randomness and every switch."""

from repro.determinism.children import ChildInit, Seeded
from repro.determinism.controlled import Controlled
from repro.determinism.loader import WorkerSeeds, seeded_loader
from repro.determinism.seeds import derive_seed
from repro.determinism.streams import SampleRng, isolated, numpy_rng, torch_generator
from repro.determinism.strict_errors import explain
from repro.determinism.switches import Mode, Value, read_switches

__all__ = [
    "ChildInit",
    "Controlled",
    "Mode",
    "SampleRng",
    "Seeded",
    "Value",
    "WorkerSeeds",
    "derive_seed",
    "explain",
    "isolated",
    "numpy_rng",
    "read_switches",
    "seeded_loader",
    "torch_generator",
]
