"""Choose the learning rate of each arm on validation rows inside the training rows.

    python tune.py

Uses seeds of its own (100 to 104) and never looks at a test row.
"""

from statistics import mean

import torch
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split
from torch.utils.data import DataLoader, TensorDataset
from train import CNN, OPTIMIZERS, fit, load_images, parse, predict

GRID = {"sgd": (0.01, 0.03, 0.1, 0.3), "adamw": (0.003, 0.01, 0.03, 0.1)}
SEEDS = (100, 101, 102, 103, 104)


def validation_accuracy(optimizer_name: str, lr: float, seed: int) -> float:
    """Accuracy on a fifth of the training rows of split 0."""
    args = parse([])
    images, labels = load_images()
    outer = StratifiedShuffleSplit(1, test_size=0.25, random_state=0)
    train_rows, _ = next(outer.split(labels, labels))
    fit_rows, valid_rows = train_test_split(
        train_rows, test_size=0.2, stratify=labels[train_rows], random_state=0
    )
    torch.manual_seed(seed)
    dataset = TensorDataset(images[fit_rows], labels[fit_rows])
    loader = DataLoader(dataset, batch_size=args.batch_size, shuffle=True)
    model = CNN()
    optimizer = OPTIMIZERS[optimizer_name](model.parameters(), lr=lr)
    for _ in range(args.epochs):
        fit(model, optimizer, loader)
    return float(accuracy_score(labels[valid_rows], predict(model, images[valid_rows])))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, rates in GRID.items():
        for rate in rates:
            scores = [validation_accuracy(name, rate, seed) for seed in SEEDS]
            print(f"{name:6} lr {rate:<7g} validation accuracy {mean(scores):.4f}")
