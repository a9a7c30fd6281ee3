"""Fit a scikit-learn estimator to a table, as a setting wants it: right or wrong.

python table.py '{"arm": "baseline", "seed": 0}'
"""

import json
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import repro

COLUMNS = ["mean radius", "mean texture", "mean smoothness", "mean symmetry"]


@dataclass(frozen=True)
class Settings:
    """What happens in the run."""

    arm: str
    seed: int
    model: str = "tree"
    split: str = "random"  # by rows, "group" by patients, or "time"
    plan: str | None = None  # "proved", or "overlapping": with test rows among the training rows
    declares: str | None = None  # "group" or "time"
    is_resplit: bool = False  # another split for each seed
    leak: str | None = None  # step that is fitted on all rows before the split
    is_coarse: bool = False  # few values in each column
    n_noise: int = 0  # columns that tell nothing


def load(settings):
    """Features and labels, with the patient and the day of each row where they are declared."""
    table = load_breast_cancer(as_frame=True)
    X, y = table.data[COLUMNS][:400], table.target[:400]
    if settings.is_coarse:
        X = (X.rank(pct=True) * 3).round()
    rng = np.random.default_rng(0)
    noise = {f"noise {at}": rng.normal(size=len(X)) for at in range(settings.n_noise)}
    X = X.assign(**noise)
    if settings.declares == "group":
        X = X.assign(patient=[f"patient {at // 4}" for at in range(len(X))])
    if settings.declares == "time":
        X = X.assign(day=pd.date_range("2020-01-01", periods=len(X), freq="D"))
    return X, y


def split(settings, X, y):
    """Positions of train and test rows."""
    state = settings.seed if settings.is_resplit else 0
    rows = np.arange(len(X))
    if settings.split == "group":
        splitter = GroupShuffleSplit(1, test_size=0.3, random_state=state)
        return next(splitter.split(X, y, X["patient"]))
    if settings.split == "time":
        return rows[:280], rows[280:]
    return train_test_split(rows, test_size=0.3, random_state=state)


def selectors(settings):
    """The steps that choose columns, where there is noise among them."""
    if not settings.n_noise:
        return []
    from sklearn.feature_selection import SelectKBest

    return [SelectKBest(k=4)]


def make_model(settings):
    if settings.model == "forest":
        return RandomForestClassifier(n_estimators=20, random_state=settings.seed)
    if settings.model == "logistic":
        return LogisticRegression(max_iter=2000)
    return DecisionTreeClassifier(max_depth=2, random_state=settings.seed)


def main(settings):
    X, y = load(settings)
    train, test = split(settings, X, y)
    if settings.plan == "overlapping":
        train = np.concatenate([train, test[:20]])
    with repro.tracked_run(
        f"{settings.arm}-{settings.seed}",
        seed=settings.seed,
        params={"model": settings.model},
        tags={"arm": settings.arm},
        quiet=True,
    ) as run:
        named = {settings.declares: {"group": "patient", "time": "day"}.get(settings.declares)}
        columns = named if settings.declares else {}
        run.log_data(
            train=(X.iloc[train], y.iloc[train]), test=(X.iloc[test], y.iloc[test]), **columns
        )
        if settings.plan:
            run.use_split(repro.make_plan([(train, test)], X, y))
        with run.watch_fits():
            steps = [StandardScaler(), *selectors(settings)]
            X = X.drop(columns=["patient", "day"], errors="ignore")
            if settings.leak == "scale":
                X = pd.DataFrame(steps.pop(0).fit_transform(X), columns=X.columns)
            if settings.leak == "select":
                X = pd.DataFrame(steps.pop(1).fit_transform(X, y))
            model = make_pipeline(*steps, make_model(settings))
            run.watch(model)
            model.fit(X.iloc[train], y.iloc[train])
        predicted = model.predict(X.iloc[test])
        run.score("test/accuracy", accuracy_score, y.iloc[test], predicted, on="test")


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
