"""What was done to make a run repeatable."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class Switch(Part):
    """A setting that changes numbers, as it was in effect."""

    name: str
    value: Scalar


class Drift(Part):
    """A switch that someone changed during the run, be it for a time."""

    switch: str
    before: Scalar
    after: Scalar  # when it was first seen
    step: int | None  # of the optimizer, which was about to be made; None: seen at no step


class Derived(Part):
    """A generator that the run handed out, and the seed that it got."""

    name: str  # numpy/augment, torch/noise, sample/rows
    seed: int


class Loader(Part):
    """A data loader that the run made or watched."""

    role: str
    batch_size: int | None  # None: it forms no batches, or has a batch sampler
    n_workers: int | None  # None: it does not tell
    seed: int | None  # of its generator; None: it has none of its own, and draws from torch's


class Library(Part):
    """A library that torch or numpy was built with, which shows in no list of packages."""

    name: str
    version: str


class Determinism(Fact):
    """Seed, seeded generators and switches.

    The rest of the contract is elsewhere: packages and variables such as OMP_NUM_THREADS in
    `environment`, thread pools, instruction set, CUDA and cuDNN in `hardware`, the number of
    processes in `batching.world`. Torch's own numbers of threads are among the switches.
    """

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("switches",)
    IGNORED: ClassVar = (
        "determinism.derived*",
        "determinism.drift*",
        "determinism.hash_seed",
        "determinism.libraries*",
        "determinism.loaders*",
        "determinism.n_derived",
        "determinism.numpy_simd",
        "determinism.seed_source",
        "determinism.seeded",
    )
    PER_REPLICATE: ClassVar = ("determinism.seed",)

    seed: int | None  # None: nothing was seeded
    seed_source: Literal["argument", "REPRO_SEED", "drawn", "none"]
    mode: Literal["strict", "warn", "off"]
    seeded: tuple[str, ...]  # generators: python, numpy, torch, torch.cuda:0
    hash_randomization: bool  # sets of strings change their order from process to process
    switches: tuple[Switch, ...] = ()
    drifted: tuple[str, ...] = ()  # switches that were changed by someone during the run
    drift: tuple[Drift, ...] = ()  # the same with values and step; of version 1, nothing
    hash_seed: int | None = None  # PYTHONHASHSEED of the start; None: random, or not recorded
    derived: tuple[Derived, ...] = ()  # the first hundred
    n_derived: int = 0
    loaders: tuple[Loader, ...] = ()
    libraries: tuple[Library, ...] = ()
    numpy_simd: str | None = None  # X86_V3 X86_V4: the kernels that numpy can choose on this CPU

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew which switches drifted, and nothing else of what came with version 2."""
        return data


EXAMPLE = Determinism(
    seed=0,
    seed_source="argument",
    mode="strict",
    seeded=("python", "numpy", "torch"),
    hash_randomization=False,
    switches=(Switch(name="deterministic_algorithms", value=True),),
    drifted=("torch.backends.cudnn.benchmark",),
    drift=(Drift(switch="torch.backends.cudnn.benchmark", before=False, after=True, step=3),),
    hash_seed=0,
    derived=(Derived(name="numpy/augment", seed=7021025322815692931),),
    n_derived=1,
    loaders=(Loader(role="train", batch_size=32, n_workers=2, seed=11),),
    libraries=(Library(name="oneDNN", version="3.12.0"),),
    numpy_simd="X86_V3 X86_V4",
)
