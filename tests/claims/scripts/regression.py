"""A regression with loaders, a scheduler and a validation set, in the style of torch's guides."""

import argparse

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_squared_error
from torch.utils.data import DataLoader, TensorDataset, random_split

import repro

parser = argparse.ArgumentParser(description="Diabetes regression")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--scheduler", choices=("step", "cosine"), default="step")
parser.add_argument("--seed", type=int, default=1)


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    X, y = load_diabetes(return_X_y=True)
    X = torch.tensor(X, dtype=torch.float32) * 20
    y = torch.tensor(y, dtype=torch.float32).unsqueeze(1) / 100
    dataset = TensorDataset(X, y)
    train_set, val_set, test_set = random_split(
        dataset, [300, 70, 72], generator=torch.Generator().manual_seed(42)
    )

    tags = {"arm": args.scheduler}
    with repro.tracked_run(seed=args.seed, params=args, tags=tags, quiet=True) as run:
        run.log_data(train=train_set, valid=val_set, test=test_set)
        train_loader = run.dataloader(train_set, batch_size=args.batch_size, shuffle=True)
        val_loader = run.dataloader(val_set, "valid", batch_size=args.batch_size)

        model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
        criterion = nn.MSELoss()
        optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
        if args.scheduler == "cosine":
            scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
        else:
            scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
        run.watch(model, optimizer, scheduler, loss=criterion)

        for epoch in range(args.epochs):
            model.train()
            for data, target in train_loader:
                optimizer.zero_grad()
                loss = criterion(model(data), target)
                loss.backward()
                optimizer.step()
            scheduler.step()

            model.eval()
            val_loss = 0.0
            with torch.no_grad():
                for data, target in val_loader:
                    val_loss += criterion(model(data), target).item() * len(data)
            val_loss /= len(val_set)
            run.log_metrics({"train/loss": loss.item(), "valid/loss": val_loss}, step=epoch)

        model.eval()
        with torch.no_grad():
            inputs, targets = next(iter(DataLoader(test_set, batch_size=len(test_set))))
            predictions = model(inputs)
        run.score("test/mse", mean_squared_error, targets, predictions, on="test")


if __name__ == "__main__":
    main()
