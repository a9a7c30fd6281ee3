"""What the processes of one training found out about each other."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part


class RankEnding(Part):
    """How another rank ended, as it said itself."""

    rank: int
    status: Literal["FINISHED", "FAILED", "KILLED"]
    error: str | None = None


class Drift(Part):
    """The first look at which the parameters of a rank were not those of rank 0."""

    rank: int
    step: int  # before this one was made
    tensor: str  # the first of them, in the order of the model
    n_tensors: int  # that differed at this look
    digest: str  # of all its tensors then: ranks that agree with each other have the same


class Twin(Part):
    """A rank whose global generators of torch drew the same numbers as those of rank 0."""

    rank: int
    step: int  # before which that was seen first


class Ranks(Fact):
    """Ranks are compared with rank 0, which records the run.

    On how many processes a training ran is compared as `batching.world`.
    """

    IGNORED: ClassVar = ("ranks.*",)

    world: int  # processes
    n_agreed: int  # settings that were the same on all ranks when they entered
    n_looks: int = 0  # steps at which rank 0 looked at parameters
    n_compared: int = 0  # of those, compared with every other rank; 0: nothing is known
    n_tensors: int = 0  # whole ones, at the last look
    n_sharded: int = 0  # tensors that differ from rank to rank by design: not compared
    drift: tuple[Drift, ...] = ()
    twins: tuple[Twin, ...] = ()
    endings: tuple[RankEnding, ...] = ()  # of the other ranks
    silent: tuple[int, ...] = ()  # ranks that did not say how they ended


EXAMPLE = Ranks(
    world=3,
    n_agreed=240,
    n_looks=20,
    n_compared=20,
    n_tensors=4,
    drift=(Drift(rank=2, step=17, tensor="head.weight", n_tensors=1, digest="blake3:5b0a4c0d"),),
    endings=(RankEnding(rank=1, status="FINISHED"), RankEnding(rank=2, status="FINISHED")),
)
