"""Randomness that the run's seed does not hold, and where in the program it is."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part

EntropyMode = Literal["record", "derive", "raise"]
Kind = Literal[
    "unseeded",  # a generator seeded by the operating system or the clock
    "reseeded",  # a global generator, with another seed than the run's
    "drawn_before",  # a global generator that nobody had seeded, before the run's seed was set
    "made_before",  # a model that was made before the seed was set, and trained after
    "threads",  # that draw from one global generator
    "child",  # a process that draws from generators nobody seeded there
    "copied",  # a dataset's generator, which every worker gets a copy of
    "listing",  # of a folder, in the file system's order
    "set_order",  # of texts, which follows their random hashes
]


class Finding(Part):
    """One line of the program."""

    index: int  # in the order in which they were first seen
    kind: Kind
    where: str  # train.py:12, relative to the repository; empty: at no line
    what: str  # default_rng()
    n_times: int = 1


class Entropy(Fact):
    """Unseeded generators, late and foreign seeds, shared generators, unsorted listings.

    Only lines of the script's own code count, and of a few libraries that keep generators of their
    own. Not seen: draws themselves, `torch.Generator.seed`, what a joblib worker does, and what
    was imported by name before the block began (`from random import seed`).

    It gates no comparison: rules of their own judge what was found.
    """

    IGNORED: ClassVar = ("entropy.*",)

    mode: EntropyMode
    found: tuple[Finding, ...] = ()
    n_left_out: int = 0  # further lines, once the list is full

    def of(self, *kinds: Kind) -> tuple[Finding, ...]:
        """Those of these kinds."""
        return tuple(one for one in self.found if one.kind in kinds)

    def loose(self) -> tuple[Finding, ...]:
        """Those that the run has not given a seed of its own."""
        return tuple(one for one in self.found if (self.mode, one.kind) != ("derive", "unseeded"))


EXAMPLE = Entropy(
    mode="derive",
    found=(
        Finding(index=1, kind="unseeded", where="train.py:12", what="default_rng()", n_times=2),
    ),
)
