"""A transformer encoder that classifies sequences, with warm-up and clipped gradients.

An image of a digit is read as a sequence of its 8 rows.
"""

import argparse
import math

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

import repro


class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.1, max_len: int = 8):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[:, : x.size(1)])


class TransformerClassifier(nn.Module):
    def __init__(self, d_model=16, nhead=2, num_layers=1, num_classes=10, dropout=0.1):
        super().__init__()
        self.embed = nn.Linear(8, d_model)
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 32, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers)
        self.head = nn.Linear(d_model, num_classes)

    def forward(self, x):
        x = self.pos_encoder(self.embed(x))
        return self.head(self.encoder(x).mean(dim=1))


def warmup_schedule(optimizer, warmup_steps, total_steps):
    def lr_lambda(step):
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))

    return LambdaLR(optimizer, lr_lambda)


def train_epoch(model, loader, optimizer, scheduler, device):
    model.train()
    total_loss = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        loss = nn.functional.cross_entropy(model(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        total_loss += loss.item()
    return total_loss / len(loader)


@torch.no_grad()
def predict(model, loader, device):
    model.eval()
    predictions = [model(x.to(device)).argmax(dim=-1).cpu() for x, _ in loader]
    return torch.cat(predictions)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warmup", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=5e-3)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    digits = load_digits()
    X = torch.tensor(digits.images, dtype=torch.float32) / 16.0
    y = torch.tensor(digits.target)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=0, stratify=y
    )
    train_ds, test_ds = TensorDataset(X_train, y_train), TensorDataset(X_test, y_test)

    tags = {"arm": f"warmup-{args.warmup}"}
    with repro.tracked_run(seed=args.seed, params=vars(args), tags=tags, quiet=True) as run:
        run.log_data(train=train_ds, test=test_ds)
        train_loader = run.watch_loader(DataLoader(train_ds, batch_size=128, shuffle=True))
        test_loader = run.watch_loader(DataLoader(test_ds, batch_size=256), role="test")

        model = TransformerClassifier().to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
        total_steps = args.epochs * len(train_loader)
        scheduler = warmup_schedule(optimizer, max(1, args.warmup), total_steps)
        run.watch(model, optimizer, scheduler, loss=nn.functional.cross_entropy)

        for epoch in range(args.epochs):
            loss = train_epoch(model, train_loader, optimizer, scheduler, device)
            run.log_metrics({"train/loss": loss}, step=epoch)
        y_pred = predict(model, test_loader, device)
        run.score("test/accuracy", accuracy_score, y_test, y_pred, on="test")


if __name__ == "__main__":
    main()
