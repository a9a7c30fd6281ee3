"""Hyperparameter searches."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class Dimension(Part):
    """One hyperparameter that was searched."""

    name: str
    kind: str  # values, uniform, loguniform, ...
    low: float | None  # None: it is no number
    high: float | None
    n_values: int | None  # None: a distribution
    best: Scalar
    at_edge: Literal["low", "high"] | None  # of a range, within 5 % of it (on its log scale)


class Search(Part):
    """One search: an estimator of scikit-learn, or a study of optuna's shape."""

    name: str  # class; GridSearchCV-2 is the second one
    method: str  # class of the search, or of the sampler of a study
    n_trials: int | None  # failed ones included; None: it did not run while it was watched
    n_failed: int | None = None  # None: failed ones have a score like others
    n_pruned: int | None = None  # None: it does not prune
    n_missing: int | None = None  # numbers that no trial has: deleted; None: it does not number
    # What architecture.* tells of a search that is the watched model is not told again:
    space: str | None = None
    metric: str | None = None
    cv: str | None = None
    refit: str | None = None
    best_score: float | None = None
    dimensions: tuple[Dimension, ...] = ()


class Tuning(Fact):
    """Searches that were handed to `run.watch`, or fitted in the run.

    Which rows the trials were scored on is not known here: of a scikit-learn search, `fit_scope`
    has the rows it was given. Searches whose trials are runs of their own (children of an MLflow
    run) are for the history to find: `repro.nested_runs` counts them.
    """

    INLINE: ClassVar = ("searches",)
    IGNORED: ClassVar = (
        "tuning.*.n_failed",
        "tuning.*.n_pruned",
        "tuning.*.n_missing",
        "tuning.*.best_score",
        "tuning.*.dimensions*",
    )
    PER_REPLICATE: ClassVar = (
        "tuning.*.n_trials",  # a study that stops by the clock
        "tuning.*.cv",  # holds the seed of a shuffle
    )

    searches: tuple[Search, ...]


EXAMPLE = Tuning(
    searches=(
        Search(
            name="GridSearchCV",
            method="GridSearchCV",
            n_trials=3,
            n_failed=0,
            space="C: 0.1, 1, 10",
            metric="accuracy",
            cv="5",
            refit="True",
            best_score=0.97,
            dimensions=(
                Dimension(
                    name="C",
                    kind="values",
                    low=0.1,
                    high=10.0,
                    n_values=3,
                    best=1,
                    at_edge=None,
                ),
            ),
        ),
    )
)
