"""Two ensembles on one table, in the style of scikit-learn's examples."""

import argparse

from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split

import repro


def make_model(name, seed):
    if name == "boosting":
        return GradientBoostingClassifier(
            n_estimators=20, learning_rate=0.1, max_depth=3, random_state=seed
        )
    return RandomForestClassifier(n_estimators=50, max_depth=None, random_state=seed)


def main(args):
    X, y = load_wine(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=42)

    with repro.tracked_run(
        f"{args.model}-{args.seed}",
        seed=args.seed,
        params=vars(args),
        tags={"arm": args.model},
        quiet=True,
    ) as run:
        run.log_data(train=(X_train, y_train), test=(X_test, y_test))
        clf = make_model(args.model, args.seed)
        run.watch(clf)
        clf.fit(X_train, y_train)
        proba = clf.predict_proba(X_test)
        run.score("test/f1", f1_score, y_test, proba.argmax(axis=1), on="test", average="macro")
        run.score("test/log_loss", log_loss, y_test, proba, on="test")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="forest", choices=["forest", "boosting"])
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
