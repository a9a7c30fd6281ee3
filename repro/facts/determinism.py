"""What was done to make a run repeatable."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class Switch(Part):
    """A setting that changes numbers, as it was in effect."""

    name: str
    value: Scalar


class Determinism(Fact):
    """Seed, seeded generators and switches."""

    INLINE: ClassVar = ("switches",)
    IGNORED: ClassVar = ("determinism.seed_source", "determinism.seeded", "determinism.drifted")
    PER_REPLICATE: ClassVar = ("determinism.seed",)

    seed: int | None  # None: nothing was seeded
    seed_source: Literal["argument", "REPRO_SEED", "drawn", "none"]
    mode: Literal["strict", "warn", "off"]
    seeded: tuple[str, ...]  # generators: python, numpy, torch, torch.cuda:0
    hash_randomization: bool  # sets of strings change their order from process to process
    switches: tuple[Switch, ...] = ()
    drifted: tuple[str, ...] = ()  # switches that were changed by someone during the run


EXAMPLE = Determinism(
    seed=0,
    seed_source="argument",
    mode="strict",
    seeded=("python", "numpy", "torch"),
    hash_randomization=False,
    switches=(Switch(name="deterministic_algorithms", value=True),),
)
