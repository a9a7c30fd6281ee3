"""Train one network plainly, and one with seven techniques more; then show in what they differ.

python train.py
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import TensorDataset

import repro

SEED = 0


def plain() -> nn.Module:
    """Two layers, batch-normalized."""
    return nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))


class Staged(nn.Module):
    """Backbone, neck and head, with dropout and layer normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(64, 96), nn.LayerNorm(96), nn.ReLU())
        self.neck = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(64, 10)
        for layer in (self.neck[0], self.head):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n, 10) for pixels of shape (n, 64)."""
        return self.head(self.neck(self.backbone(pixels)))


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels of shape (1797, 64) in [0, 1], and the digits."""
    pixels, digits = load_digits(return_X_y=True)
    return torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(digits)


def fit(run: repro.Run, model: nn.Module, rows: TensorDataset, epochs: int) -> None:
    """Train what is not frozen."""
    loss_fn = nn.CrossEntropyLoss()
    loader = run.dataloader(rows, batch_size=64, shuffle=True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.9)
    run.watch(model, optimizer, loss=loss_fn)
    model.train()
    for _ in range(epochs):
        for pixels, digits in loader:
            optimizer.zero_grad()
            loss_fn(model(pixels), digits).backward()
            optimizer.step()


def in_eight_bits(model: nn.Module) -> nn.Module:
    """A copy whose linear layers compute in 8 bits."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return torch.ao.quantization.quantize_dynamic(model.eval(), {nn.Linear})


def score(run: repro.Run, model: nn.Module, pixels: torch.Tensor, digits: torch.Tensor) -> None:
    """Accuracy on the test rows."""
    model.eval()
    with torch.no_grad():
        predicted = model(pixels).argmax(dim=1)
    run.score("test/accuracy", accuracy_score, digits, predicted, on="test")


def pretrain(rows: TensorDataset, epochs: int, file: Path) -> None:
    """Learn to tell even digits from odd ones, and keep the backbone."""
    pixels, digits = rows.tensors
    with repro.tracked_run("pretraining", seed=SEED) as run:
        model = Staged()
        fit(run, model, TensorDataset(pixels, digits % 2), epochs)
        torch.save(model.backbone.state_dict(), file)


def main(argv: Sequence[str] | None = None) -> int:
    """Train all, and show the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args(argv).epochs
    torch.set_num_threads(1)
    pixels, digits = load()
    plan = repro.make_plan(
        StratifiedShuffleSplit(1, test_size=0.25, random_state=0), pixels.numpy(), digits.numpy()
    )
    train_rows, test_rows = plan.fold(0)
    rows = TensorDataset(pixels[train_rows], digits[train_rows])
    test = pixels[test_rows], digits[test_rows]

    with repro.tracked_run("plain", seed=SEED) as first:
        first.log_data(train=rows, test=test)
        first.use_split(plan)
        model = plain()
        fit(first, model, rows, epochs)
        score(first, model, *test)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "backbone.pt")
        pretrain(rows, epochs, file)
        with repro.tracked_run("seven techniques", seed=SEED) as second:
            second.log_data(train=rows, test=test)
            second.use_split(plan)
            staged = Staged()
            staged.backbone.load_state_dict(second.load(file))
            staged.backbone.requires_grad_(requires_grad=False)
            prune.l1_unstructured(staged.neck[0], "weight", amount=0.5)
            fit(second, staged, rows, epochs)
            prune.remove(staged.neck[0], "weight")  # makes the zeros permanent
            quantized = in_eight_bits(staged)
            second.watch(quantized)
            score(second, quantized, *test)

    command = ["repro", "diff", first.run_id, second.run_id]
    print(f"\n$ {' '.join(command)}\n", flush=True)
    subprocess.run([sys.executable, "-m", *command], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
