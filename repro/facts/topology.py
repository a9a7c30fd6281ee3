"""On how many processes and devices the training ran."""

from typing import ClassVar

from repro.facts.fact import Fact


class Topology(Fact):
    """Processes, devices, and what spreads the work over them, as this process saw it.

    A process that trains alone has a topology of one. Devices divide the work, not the time: how
    fast it was is measured.
    """

    IGNORED: ClassVar = (
        "topology.world",  # compared as batching.world
        "topology.rank",
        "topology.local_rank",
        "topology.sampler",
        "topology.sets_epoch",  # whether the order changes is compared in `sampling`
        "topology.seconds_per_step",
        "topology.samples_per_second",
    )

    world: int = 1  # processes
    backend: str | None = None  # nccl, gloo; None: one process without a group
    rank: int = 0
    local_rank: int | None = None  # as the launcher said
    spread_by: tuple[str, ...] = ()  # DistributedDataParallel
    n_devices: int = 1  # that this process keeps parameters on, or copies the model to
    sampler: str | None = None  # that gives each process its part of the training rows
    sets_epoch: bool | None = None  # its epoch changed from pass to pass; None: one pass, no epoch
    seconds_per_step: float | None = None  # median, from the end of one to the end of the next
    samples_per_second: float | None = None  # over all processes, at this pace


EXAMPLE = Topology(
    world=2,
    backend="nccl",
    local_rank=0,
    spread_by=("DistributedDataParallel",),
    sampler="DistributedSampler",
    sets_epoch=True,
    seconds_per_step=0.05,
    samples_per_second=5120.0,
)
