"""A classifier of images, in the style of torch's quickstart: every epoch ends with a test."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import repro


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(8 * 8, 32),
            nn.ReLU(),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, 10),
        )

    def forward(self, x):
        x = self.flatten(x)
        return self.linear_relu_stack(x)


def train(dataloader, model, loss_fn, optimizer):
    model.train()
    for X, y in dataloader:
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def test(dataloader, model, scorer):
    model.eval()
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            scorer.update(y, pred.argmax(1))


def main(args):
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32) / 16
    labels = torch.tensor(digits.target)
    split = train_test_split(images, labels, test_size=0.25, random_state=0)
    X_train, X_test, y_train, y_test = split
    training_data = TensorDataset(X_train, y_train)
    test_data = TensorDataset(X_test, y_test)

    with repro.tracked_run(
        seed=args.seed, params=vars(args), tags={"arm": args.optimizer}, quiet=True
    ) as run:
        run.log_data(train=training_data, test=test_data)
        train_dataloader = run.dataloader(training_data, batch_size=args.batch_size, shuffle=True)
        test_dataloader = DataLoader(test_data, batch_size=args.batch_size)

        model = NeuralNetwork()
        loss_fn = nn.CrossEntropyLoss()
        if args.optimizer == "adam":
            optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
        else:
            optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
        run.watch(model, optimizer, loss=loss_fn)

        for epoch in range(args.epochs):
            train(train_dataloader, model, loss_fn, optimizer)
            scorer = run.scorer("test/accuracy", accuracy_score, on="test")
            test(test_dataloader, model, scorer)
            scorer.compute(step=epoch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    main(parser.parse_args())
