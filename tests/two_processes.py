"""Trains a small network in one of two connected processes, with and without being watched.

Started once for each rank, `python two_processes.py FOLDER RANK`, it writes FOLDER/RANK.json.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from watched_training import facts, watching

from repro.observe.data_book import DataBook
from repro.observe.feed import watched
from repro.observe.training import Training

WORLD, ROWS, BATCH, EPOCHS, CLIP = 2, 24, 4, 2, 0.01
X = torch.randn(ROWS, 1, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(ROWS) % 3


@dataclass
class Trained:
    """What a training leaves."""

    weights: dict[str, torch.Tensor]
    n_hooks: int


def network() -> nn.Module:
    """With what draws random numbers, and what keeps statistics of its own."""
    features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(64, 3))


def train(training: Training | None, *, clip: float | None = None) -> Trained:
    """What is left after some passes; the ranks draw other dropouts, and sum their gradients."""
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(network())
    torch.manual_seed(torch.distributed.get_rank())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    sampler: DistributedSampler[Any] = DistributedSampler(TensorDataset(X, Y))
    loader: Any = DataLoader(TensorDataset(X, Y), batch_size=BATCH, sampler=sampler)
    if training is not None:
        training.watch(model, optimizer, None)
        loader = watched(loader, "train", training, DataBook([]))
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    if training is not None:
        training.unhook()
    return Trained({name: one.clone() for name, one in model.state_dict().items()}, n_hooks(model))


def n_hooks(model: nn.Module) -> int:
    """Hooks on the model, on its parameters and on all optimizers."""
    from torch.optim import optimizer

    kept = [optimizer._global_optimizer_pre_hooks, optimizer._global_optimizer_post_hooks]
    for module in model.modules():
        kept += [module._forward_pre_hooks, module._forward_hooks]
        kept += [module._load_state_dict_post_hooks]
    kept += [one._post_accumulate_grad_hooks or {} for one in model.parameters()]
    return sum(len(hooks) for hooks in kept)


def told(*, clip: float | None = None) -> tuple[Trained, dict[str, Any]]:
    """A watched training, and what was seen of it."""
    with watching() as training:
        trained = train(training, clip=clip)
        batching = training.batching()
        budget = training.budget(n_train=ROWS, n_test_reads=0, wall_seconds=0.0)
        seen = {**facts(training), "batching": batching, "budget": budget}
        return trained, {key: fact.model_dump(mode="json") for key, fact in seen.items()}


def are_equal(one: Trained, other: Trained) -> bool:
    """Whether the weights are, bit for bit."""
    return all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())


def main(folder: Path, rank: int) -> None:
    """Train some times, and write what came of it."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=WORLD
    )
    plain, clipped = train(None), train(None, clip=CLIP)
    watched_plain, seen = told()
    watched_clipped, seen_clipped = told(clip=CLIP)
    alone = told()[0] if rank == 0 else train(None)
    found = {
        "seen": seen,
        "seen_clipped": seen_clipped,
        "is_same": {
            "plain": are_equal(plain, watched_plain),
            "one rank watches": are_equal(plain, alone),
            "clipped": are_equal(clipped, watched_clipped),
        },
        "n_hooks": [one.n_hooks for one in (watched_plain, watched_clipped, alone)],
    }
    (folder / f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
