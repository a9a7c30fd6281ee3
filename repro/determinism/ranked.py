"""Which of the processes that train together this one is."""

import os
import sys

Ranked = tuple[int, int]  # rank, number of processes


def rank() -> int:
    """The rank of this process; 0 where one trains alone."""
    ranked = initialized() or launched()
    return ranked[0] if ranked else 0


def initialized() -> Ranked | None:
    """As torch's process group says it, if there is one of several processes."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    world = int(distributed.get_world_size())
    return (int(distributed.get_rank()), world) if world > 1 else None


def launched() -> Ranked | None:
    """As a launcher such as torchrun says it."""
    rank, world = (os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE"))
    if not (rank.isdecimal() and world.isdecimal() and int(world) > 1):
        return None
    return int(rank), int(world)
