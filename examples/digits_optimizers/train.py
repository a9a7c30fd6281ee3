"""Train a small CNN on scikit-learn's handwritten digits, as one tracked run.

python train.py --arm adamw --optimizer adamw --lr 0.003 --seed 0
"""

import argparse
from collections.abc import Sequence
from functools import partial

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

import repro

OPTIMIZERS = {"sgd": partial(torch.optim.SGD, momentum=0.9), "adamw": torch.optim.AdamW}


class CNN(nn.Module):
    """Two convolutions and one linear layer, for images of 8 x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 4 * 4, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n, 10) for images of shape (n, 1, 8, 8)."""
        return self.head(self.features(images))


def load_images() -> tuple[torch.Tensor, torch.Tensor]:
    """Images of shape (1797, 1, 8, 8) in [0, 1], and their digits."""
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    return images, torch.tensor(digits.target)


def fit(model: nn.Module, optimizer: torch.optim.Optimizer, loader) -> float:
    """One epoch; the mean loss."""
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    return total / len(loader.dataset)


def predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The most likely digit of each image."""
    model.eval()
    with torch.no_grad():
        return model(images).argmax(dim=1)


def train(args: argparse.Namespace) -> float:
    """Train and score once; the accuracy on the test rows."""
    torch.set_num_threads(1)  # batches are small: more threads would only wait for each other
    images, labels = load_images()
    splitter = StratifiedShuffleSplit(1, test_size=0.25, random_state=args.split_seed)
    plan = repro.make_plan(splitter, images.flatten(1).numpy(), labels.numpy())
    train_rows, test_rows = plan.fold(0)
    train_set = TensorDataset(images[train_rows], labels[train_rows])

    hyperparameters = {
        "optimizer": args.optimizer,
        "lr": args.lr,
        "batch_size": args.batch_size,
        "epochs": args.epochs,
    }
    with repro.tracked_run(
        f"{args.arm}-{args.seed}",
        seed=args.seed,
        params=hyperparameters,
        tags={"arm": args.arm},
        quiet=args.quiet,
    ) as run:
        run.log_data(train=train_set, test=(images[test_rows], labels[test_rows]))
        run.use_split(plan)
        loader = run.dataloader(train_set, batch_size=args.batch_size, shuffle=True)
        model = CNN()
        optimizer = OPTIMIZERS[args.optimizer](model.parameters(), lr=args.lr)
        run.watch(model, optimizer, loss=cross_entropy)
        for epoch in range(args.epochs):
            run.log_metrics({"train/loss": fit(model, optimizer, loader)}, step=epoch)
        return run.score(
            "test/accuracy",
            accuracy_score,
            labels[test_rows],
            predict(model, images[test_rows]),
            on="test",
            greater_is_better=True,
        )


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm", default="sgd", help="tag that names the side of the comparison")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="sgd")
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--split-seed", type=int, default=0, help="random_state of the split")
    parser.add_argument("--seed", type=int, default=None, help="by default REPRO_SEED")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    print(f"test accuracy {train(parse()):.4f}")
