"""Train a small network on scikit-learn's digits, as a setting wants it: right or wrong.

python digits.py '{"arm": "baseline", "seed": 0, "lr": 0.1}'
"""

import json
import sys
from dataclasses import asdict, dataclass

import mlflow
import numpy as np
import torch
from scoring import share_right, surprise
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import repro

DECLARED = ("optimizer", "lr", "batch_size", "epochs", "hidden")
N_ROWS = 700


@dataclass(frozen=True)
class Settings:
    """What the run declares; then what happens in it, and no parameter tells."""

    arm: str
    seed: int
    optimizer: str = "sgd"
    lr: float = 0.1
    batch_size: int = 64
    epochs: int = 3
    hidden: int = 16
    params: dict | None = None  # told in place of the declared ones
    steps_in_one: int = 1  # batches that one step accumulates
    dropout: float = 0.0
    split_seed: int = 0
    n_rows: int | None = None  # training rows that are left
    n_copied: int = 0  # test rows that the training rows repeat
    reordered: int | None = None  # seed of another order of the training rows
    n_scored: int | None = None  # test rows that are scored
    average: str = "macro"
    chosen_on: str | None = None  # role whose best epoch is scored
    scored_on: str = "test"
    pretrained: str | None = None  # file of weights
    noisy: str | None = None  # role whose images get noise
    crashes: str | None = None  # why
    infra: str | None = None
    draws_first: bool = False  # random numbers before the weights are


class Images(Dataset):
    """Rows with a transform."""

    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, at):
        image = self.images[at]
        return self.transform(image) if self.transform else image, self.labels[at]


class RandomNoise:
    """Adds noise to an image."""

    def __call__(self, image):
        return image + 0.1 * torch.randn(image.shape)


def load(settings):
    """Images and labels of train, valid and test."""
    digits = load_digits()
    images = digits.images[:N_ROWS].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(N_ROWS, 16)
    images = torch.tensor(images / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target[:N_ROWS])
    rest, test = train_test_split(
        np.arange(N_ROWS), test_size=0.3, random_state=settings.split_seed
    )
    train, valid = rest[:-100][: settings.n_rows], rest[-100:]
    if settings.n_copied:
        train = np.concatenate([train[settings.n_copied :], test[: settings.n_copied]])
    if settings.reordered is not None:
        train = np.random.default_rng(settings.reordered).permutation(train)
    return {
        role: (images[rows], labels[rows])
        for role, rows in (("train", train), ("valid", valid), ("test", test))
    }


def make_optimizer(settings, model):
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=settings.lr)
    return torch.optim.SGD(model.parameters(), lr=settings.lr)


def make_model(settings, run):
    if settings.draws_first:
        torch.rand(3)
    model = nn.Sequential(
        nn.Linear(16, settings.hidden),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, 10),
    )
    if settings.pretrained:
        model.load_state_dict(run.load(settings.pretrained))
    return model


def fit(model, optimizer, loader, steps_in_one):
    model.train()
    for at, (images, labels) in enumerate(loader, start=1):
        nn.functional.cross_entropy(model(images), labels).backward()
        if at % steps_in_one == 0 or at == len(loader):
            optimizer.step()
            optimizer.zero_grad()


@torch.no_grad()
def predict(model, images):
    model.eval()
    return model(images).softmax(dim=1)


def train(settings, run):
    data = load(settings)
    run.log_data(train=TensorDataset(*data["train"]), valid=data["valid"], test=data["test"])
    model = make_model(settings, run)
    optimizer = make_optimizer(settings, model)
    run.watch(model, optimizer, loss=nn.functional.cross_entropy)
    transform = RandomNoise() if settings.noisy == "train" else None
    rows = Images(*data["train"], transform)
    loader = run.dataloader(rows, batch_size=settings.batch_size, shuffle=True)
    best, state = -1.0, None
    for epoch in range(settings.epochs):
        fit(model, optimizer, loader, settings.steps_in_one)
        if settings.crashes:
            raise RuntimeError(settings.crashes)
        if settings.chosen_on:
            images, labels = data[settings.chosen_on]
            found = predict(model, images).argmax(dim=1)
            name = f"{settings.chosen_on}/accuracy"
            value = run.score(
                name, share_right, labels, found, on=settings.chosen_on, step=epoch,
                greater_is_better=True,
            )  # fmt: skip
            if value > best:
                best = value
                state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if state is not None:
        model.load_state_dict(state)
    score(settings, run, model, *data[settings.scored_on])


def score(settings, run, model, images, labels):
    """Three metrics of the rows that a loader hands out as one batch."""
    on = settings.scored_on
    rows = Images(
        images[: settings.n_scored], labels, RandomNoise() if settings.noisy == on else None
    )
    loader = run.watch_loader(DataLoader(rows, batch_size=len(rows)), role=on)
    (images, labels), *_ = loader
    shares = predict(model, images)
    found = shares.argmax(dim=1)
    run.score(f"{on}/accuracy", share_right, labels, found, on=on, greater_is_better=True)
    run.score(f"{on}/loss", surprise, labels, shares, on=on, greater_is_better=False)
    run.score(f"{on}/f1", f1_score, labels, found, on=on, average=settings.average)


def main(settings):
    torch.set_num_threads(1)
    declared = {name: asdict(settings)[name] for name in DECLARED}
    with repro.tracked_run(
        f"{settings.arm}-{settings.seed}",
        seed=settings.seed,
        params=settings.params or declared,
        tags={"arm": settings.arm},
        quiet=True,
    ) as run:
        if settings.infra:
            mlflow.set_tag("repro.infra", settings.infra)
        train(settings, run)


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
