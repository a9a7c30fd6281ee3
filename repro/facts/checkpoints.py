"""Checkpoints that a run wrote, and those that it went on from."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Written(Part):
    """A file that `run.checkpoint` wrote."""

    id: str  # segment and number in it: "1-3"
    file: str  # its name
    digest: str  # of the file
    step: int  # optimizer steps of the run until then
    epoch: int | None = None  # as the script counts


class Read(Part):
    """A file that `run.load_checkpoint` read."""

    index: int  # in the order of reading, from 1
    file: str
    digest: str
    run_id: str  # the run that wrote it
    step: int
    epoch: int | None = None
    is_recorded: bool | None = None  # this run wrote these bytes; None: it is not known
    in_pass: tuple[str, ...] = ()  # roles of loaders that it was in the middle of a pass of
    not_gone_on: tuple[str, ...] = ()  # of these, those whose pass nobody went on with
    switches: tuple[str, ...] = ()  # that were set to another value than when it was written


class Checkpoints(Fact):
    """Where a training can go on bit for bit, and where it did."""

    # How often a training was interrupted, and where its files lie, changes no weight.
    IGNORED: ClassVar = ("checkpoints.*",)

    written: tuple[Written, ...] = ()  # the last ones of all segments
    n_written: int = 0  # by the last segment
    read: tuple[Read, ...] = ()  # by the last segment


EXAMPLE = Checkpoints(
    written=(Written(id="1-1", file="last.pt", digest="blake3:c1", step=120, epoch=2),),
    n_written=1,
    read=(
        Read(
            index=1, file="last.pt", digest="blake3:c0", run_id="4f2a", step=60, in_pass=("train",)
        ),
    ),
)
