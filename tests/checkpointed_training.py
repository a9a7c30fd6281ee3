"""A training in which everything is random, and that stops at a checkpoint and goes on from it."""

import random
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from repro.checkpoint import CheckpointBook, Trained
from repro.determinism import Controlled, numpy_rng, seeded_loader, torch_generator
from repro.observe.loader import CountedLoader, WatchedLoader
from repro.observe.training import Training as Watched

N_EPOCHS = 3
SEED = 5
ROWS = torch.arange(80.0).reshape(20, 4) / 80


class Stop(Exception):
    """The process is killed here."""


class LightRun:
    """What a training needs of a run, without a store."""

    def __init__(self, run_id="4f2a"):
        self.training = Watched(lambda: True)
        self.book = CheckpointBook(run_id, self.training, None)
        self.watch = self.training.watch

    def rng(self, name):
        return self.book.follow(f"rng/{name}", numpy_rng(SEED, name))

    def generator(self, name):
        return self.book.follow(f"generator/{name}", torch_generator(SEED, name))

    def dataloader(self, dataset, role="train", **options):
        loader = seeded_loader(dataset, seed=SEED, role=role, loader_class=CountedLoader, **options)
        self.book.follow_loader(role, loader)
        return loader

    def watch_loader(self, loader, role="train"):
        watched = WatchedLoader(loader)
        self.book.follow_loader(role, watched)
        return watched

    def checkpoint(self, path, epoch=None, extra=None, **objects):
        self.book.write(path, Trained(**objects), epoch, extra or {})

    def load_checkpoint(self, path, **objects):
        return self.book.read(path, Trained(**objects))


@contextmanager
def light_run(run_id="4f2a"):
    """Seeded, and given back."""
    run = LightRun(run_id)
    with Controlled(SEED):
        try:
            yield run
        finally:
            run.training.unhook()


class Augmented(Dataset):
    """Rows with noise from every generator that a dataset may draw from."""

    def __init__(self, run):
        self.rng = run.rng("augmentation")
        self.loaded = []

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        self.loaded.append(index)
        noise = torch.rand(4) + random.random() + np.random.rand() + self.rng.random()
        return ROWS[index] + 0.1 * noise.float(), ROWS[index].sum()


def ours(run, **options):
    return run.dataloader(Augmented(run), batch_size=4, shuffle=True, **options)


def plain(run):
    """Made elsewhere: its order and its seeds come from the global generators."""
    return run.watch_loader(DataLoader(Augmented(run), batch_size=4, shuffle=True))


def workers(run):
    return ours(run, num_workers=2)


class Training:
    """Model, optimizer and scheduler, made anew."""

    def __init__(self, run, make=ours):
        self.run, self.loader = run, make(run)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.Dropout(),
            torch.nn.Linear(8, 1),
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1, gamma=0.7)
        run.watch(self.model, self.optimizer, self.scheduler)
        self.noise = run.generator("noise")
        self.losses = []

    @property
    def objects(self):
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def save(self, path, **told):
        self.run.checkpoint(path, **self.objects, **told)

    def load(self, path):
        return self.run.load_checkpoint(path, **self.objects)

    def loss(self, x, y):
        x = x + 0.1 * torch.randn(x.shape, generator=self.noise)
        return (self.model(x).squeeze(1) - y).square().mean()

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def epochs(self, first=0, path=None, at=None):
        """Writes a checkpoint after step `at` or the "end" of an epoch; then it is killed."""
        for epoch in range(first, N_EPOCHS):
            for x, y in self.loader:
                if path is not None and path.exists():
                    raise Stop
                self.step(x, y)
                if len(self.losses) == at:
                    self.save(path, epoch=epoch)
            self.scheduler.step()
            if at == "end":
                self.save(path, epoch=epoch + 1)

    def weights(self):
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
