"""Will the flight be late? A network judged on the days that follow, on aircraft it never saw.

python train.py --rows 40000 --folds 3 --plot folds.png
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from flight_data import CATEGORIES, NUMBERS, load_flights
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

import repro


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000, help="flights, the first ones in time")
    parser.add_argument("--folds", type=int, default=4, help="test windows")
    parser.add_argument("--test", default="4D", help="length of a test window, such as 4D or 12h")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", help="file for a picture of the folds, such as folds.png")
    parser.add_argument("--quiet", action="store_true", help="do not announce every run")
    return parser.parse_args(argv)


def encoder() -> ColumnTransformer:
    """Numbers for the network; to be fitted on the training rows of a fold only."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)]
    )


def network(n_features: int) -> nn.Module:
    """A multilayer perceptron with one logit."""
    return nn.Sequential(
        nn.Linear(n_features, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 32), nn.ReLU(),
        nn.Linear(32, 1), nn.Flatten(0),
    )  # fmt: skip


def fit(model: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader) -> float:
    """One epoch; the mean loss."""
    model.train()
    total, n_rows = 0.0, 0
    for features, is_late in loader:
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(model(features), is_late)
        loss.backward()
        optimizer.step()
        total, n_rows = total + loss.item() * len(is_late), n_rows + len(is_late)
    return total / n_rows


def predict(model: nn.Module, features: torch.Tensor) -> np.ndarray:
    """The logit of each flight."""
    model.eval()
    with torch.no_grad():
        return model(features).numpy()


def show_the_usual_mistake(flights: pd.DataFrame) -> None:
    """Check the split that most would reach for first."""
    shuffled = KFold(4, shuffle=True, random_state=0)
    proof = repro.check_split(
        shuffled,
        flights,
        groups="tailnum",
        times="departs",
        end_times="lands",
        policy="walk_forward",
        n_witnesses=1,
    )
    print("KFold(4, shuffle=True)\n")
    try:
        proof.raise_if_violated()
    except repro.errors.LeakFound as leak:
        print(leak)


def plan_of(flights: pd.DataFrame, args: argparse.Namespace) -> repro.SplitPlan:
    """Test on the last days, on aircraft that the model was not trained on."""
    cv = repro.GroupTimeSeriesSplit(
        args.folds, time="departs", end_time="lands", test=args.test, groups_policy="disjoint"
    )
    return repro.make_plan(cv, flights, groups="tailnum")


def train_fold(
    run: repro.Run, train: pd.DataFrame, _: None, test: pd.DataFrame, __: None,
    args: argparse.Namespace,
) -> None:  # fmt: skip
    """Train and score on one fold; the label is a column of its rows."""
    encode = encoder().fit(train)
    x_train, x_test = (tensor(encode.transform(part)) for part in (train, test))
    loader = run.dataloader(
        TensorDataset(x_train, tensor(train["is_late"])),
        role="train",
        batch_size=args.batch_size,
        shuffle=True,
    )
    model = network(x_train.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    run.watch(model, optimizer)
    for epoch in range(args.epochs):
        run.log_metrics({"train/loss": fit(model, optimizer, loader)}, step=epoch)
    run.score(
        "test/roc_auc",
        roc_auc_score,
        test["is_late"].to_numpy(),
        predict(model, x_test),
        on="test",
        greater_is_better=True,
    )


def tensor(values: pd.Series | np.ndarray) -> torch.Tensor:
    """Values as a float tensor."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def main(argv: Sequence[str] | None = None) -> int:
    """Show the mistake, prove the plan and draw it, train every fold."""
    args = parse(argv)
    torch.set_num_threads(1)  # the batches are small
    flights = load_flights(args.rows)
    show_the_usual_mistake(flights)
    plan = plan_of(flights, args)
    proof = repro.check_split(plan)
    print(f"\nGroupTimeSeriesSplit({args.folds}, test={args.test!r}, groups_policy='disjoint')\n")
    print(proof, end="\n\n")
    if args.plot:
        plan.plot().savefig(args.plot)
    found = repro.cross_validate(
        partial(train_fold, args=args),
        flights,
        cv=plan,
        seeds=[args.seed],
        groups="tailnum",
        times="departs",
        end_times="lands",
        name="flights",
        experiment="flight-delays",
        params={"lr": args.lr, "batch_size": args.batch_size, "epochs": args.epochs},
        quiet=args.quiet,
    )
    for fold, score in enumerate(found.scores[0]):
        n_train, n_test = (len(rows) for rows in plan.fold(fold))
        print(f"fold {fold}: {n_train} flights to learn from, {n_test} to test, AUC {score:.3f}")
    print(f"all: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
