"""Looks at processes and devices, and measures the pace."""

import sys
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from repro.facts.fact import Absent
from repro.facts.topology import Topology
from repro.observe.architecture import is_initialized
from repro.observe.sampler import sampler_of
from repro.observe.technique import Ending, Technique, untrained

MAX_STEPS = 4096  # between which the pace is measured
SPREADING = {
    *("DistributedDataParallel", "FullyShardedDataParallel", "FSDPModule", "DataParallel"),
    *("DeepSpeedEngine", "ShardedDataParallel", "DTensor"),
}
TRAIN = "train"


class TopologyObserver(Technique):
    """Looks at the first step, when the processes are connected."""

    kind = Topology

    def __init__(self) -> None:
        self._given: list[Any] = []  # models as they were handed over, and not looked at yet
        self._spread_by: set[str] = set()
        self._devices: set[str] = set()
        self._n_copies = 1
        self._group: tuple[int, int, str] | None = None
        self._sampler: str | None = None
        self._epochs: list[int] = []  # of the sampler, pass by pass
        self._ended: list[float] = []  # seconds at which steps ended

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember the model with its wrappers."""
        self._given.append(model)

    def began(self, loader: Any, role: str) -> None:
        """The epoch that the sampler thinks it is in."""
        sampler = sampler_of(loader) if role == TRAIN else None
        if hasattr(sampler, "num_replicas"):
            self._sampler = type(sampler).__name__
            epoch = getattr(sampler, "epoch", None)
            if isinstance(epoch, int) and len(self._epochs) < MAX_STEPS:
                self._epochs.append(epoch)

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """The first step of a model, among others."""
        self._look()
        if not self._devices:
            trained = (p for group in optimizer.param_groups for p in group["params"])
            self._devices.update(_devices(trained))

    def after_step(self, optimizer: Any, step: int) -> None:
        """Note the time, of the first steps of the optimizer that counts them."""
        n_known = len(self._ended)
        if step == n_known and n_known < MAX_STEPS:
            self._ended.append(time.perf_counter())

    def at_end(self, ending: Ending) -> Topology | Absent:
        """What was seen."""
        if not ending.n_steps:
            return untrained()
        self._look()
        world, rank, backend = self._group or (1, 0, None)
        seconds = _seconds_per_step(self._ended)
        return Topology(
            world=world,
            backend=backend,
            rank=rank,
            local_rank=_local_rank(),
            spread_by=tuple(sorted(self._spread_by)),
            n_devices=max(self._n_copies, len(self._devices), 1),
            sampler=self._sampler,
            sets_epoch=len(set(self._epochs)) > 1 if len(self._epochs) > 1 else None,
            seconds_per_step=seconds,
            samples_per_second=_pace(seconds, ending, world),
        )

    def _look(self) -> None:
        given, self._given = self._given, []
        for model in given:
            self._look_at_model(model)
        self._group = self._group or _process_group()

    def _look_at_model(self, model: Any) -> None:
        if not hasattr(model, "modules"):
            return
        if type(model).__name__ == "DataParallel":
            self._n_copies = max(self._n_copies, len(model.device_ids))
        parameters = list(model.parameters())
        kinds = {kind for one in (*model.modules(), *parameters) for kind in type(one).__mro__}
        self._spread_by |= {kind.__name__ for kind in kinds} & SPREADING
        self._devices |= _devices(parameters)


def _devices(parameters: Iterable[Any]) -> set[str]:
    return {str(parameter.device) for parameter in parameters if is_initialized(parameter)}


def _process_group() -> tuple[int, int, str] | None:
    """Number of processes, which of them this is, and by what they talk."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed.get_world_size(), distributed.get_rank(), str(distributed.get_backend())


def _local_rank() -> int | None:
    """The rank on this machine, as a launcher such as torchrun says it."""
    import torch.distributed

    rank = int(torch.distributed.get_node_local_rank(fallback_rank=-1))
    return None if rank < 0 else rank


def _seconds_per_step(ended: Sequence[float]) -> float | None:
    """Between the ends of two steps, as a rule."""
    between = [late - early for early, late in pairwise(ended)]
    return float(f"{median(between):.4g}") if len(between) > 1 else None


def _pace(seconds: float | None, ending: Ending, world: int) -> float | None:
    n_samples = sum(size * times for size, times in ending.batch_sizes.items())
    if not seconds or not n_samples:
        return None
    return float(f"{world * n_samples / ending.n_steps / seconds:.4g}")
