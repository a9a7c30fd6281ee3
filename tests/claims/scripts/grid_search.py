"""A pipeline whose parameters a grid search chooses, in the style of scikit-learn's user guide."""

import argparse

from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import repro

parser = argparse.ArgumentParser()
parser.add_argument("--classifier", choices=["logistic", "svc"], default="logistic")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=args.seed
)

if args.classifier == "svc":
    pipe = make_pipeline(StandardScaler(), PCA(n_components=5), SVC())
    param_grid = {"svc__C": [1, 10], "svc__gamma": ["scale", 0.1]}
else:
    pipe = make_pipeline(StandardScaler(), PCA(n_components=5), LogisticRegression())
    param_grid = {"logisticregression__C": [0.01, 0.1, 1, 10]}

with repro.tracked_run(
    seed=args.seed, params=vars(args), tags={"arm": args.classifier}, quiet=True
) as run:
    run.log_data(train=(X_train, y_train), test=(X_test, y_test))
    search = GridSearchCV(pipe, param_grid, cv=3)
    run.watch(search)
    with run.watch_fits():
        search.fit(X_train, y_train)
    y_pred = search.predict(X_test)
    run.score("test/accuracy", accuracy_score, y_test, y_pred, on="test")
