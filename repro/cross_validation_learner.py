"""What a cross-validation trains on a fold: an estimator, or a function of the user's."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from repro.errors import UsageError
from repro.observe.metric import is_scorer
from repro.run import Run
from repro.store.point import metric_name, metric_value

TrainFunction = Callable[[Run, Any, Any, Any, Any], Mapping[str, float] | float | None]
Scoring = str | Callable[..., Any] | Sequence[str] | Mapping[str, str | Callable[..., Any]] | None


@dataclass(frozen=True)
class Rows:
    """The data of a fold; y is None if there is none."""

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


class Learner(Protocol):
    """What is trained and scored on a fold."""

    def scores(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """Train on the training rows alone, and score on the test rows."""


@dataclass(frozen=True)
class EstimatorLearner:
    """A scikit-learn estimator: cloned for each fold, and fitted on its training rows."""

    estimator: Any
    scorers: Mapping[str, Callable[..., Any]]

    def scores(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """By each scorer, as `test/<its name>`."""
        from sklearn.base import clone  # type: ignore[import-untyped]  # published without

        fitted = with_random_states(clone(self.estimator), run.seed)
        run.watch(fitted)
        with run.watch_fits():
            fitted.fit(*_given(rows.X_train, rows.y_train))
        return {
            f"test/{name}": _score(run, f"test/{name}", scorer, fitted, rows)
            for name, scorer in self.scorers.items()
        }


@dataclass(frozen=True)
class FunctionLearner:
    """A function of the user's, which trains what it likes."""

    function: TrainFunction

    def scores(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """What it took by `run.score`, then what it returned; the latter is logged if it is new."""
        result = self.function(run, rows.X_train, rows.y_train, rows.X_test, rows.y_test)
        taken = {score.name: score.value for score in run.seen.book.scored}
        if result is None:
            given: Mapping[str, Any] = {}
        else:
            given = result if isinstance(result, Mapping) else {"test/score": result}
        returned = {metric_name(name): metric_value(name, value) for name, value in given.items()}
        new = {name: value for name, value in returned.items() if taken.get(name) != value}
        if new:
            run.log_metrics(new)
        if not taken and not returned:
            raise UsageError(
                f"{getattr(self.function, '__name__', 'the function')} neither called run.score "
                f"nor returned a score. Return a dict such as {{'test/accuracy': 0.9}}."
            )
        return {**taken, **new}


def learner_of(estimator_or_fn: Any, scoring: Scoring) -> Learner:
    """What is trained, as `cross_validate` was given it; UsageError if it is neither kind."""
    if isinstance(estimator_or_fn, type):
        raise UsageError(
            f"cross_validate({estimator_or_fn.__name__}): this is a class. "
            f"Pass {estimator_or_fn.__name__}(...)."
        )
    if hasattr(estimator_or_fn, "fit") and hasattr(estimator_or_fn, "get_params"):
        return EstimatorLearner(estimator_or_fn, _scorers(estimator_or_fn, scoring))
    if not callable(estimator_or_fn):
        raise UsageError(
            f"cross_validate({type(estimator_or_fn).__name__}): pass a scikit-learn estimator, or "
            f"a function fn(run, X_train, y_train, X_test, y_test)."
        )
    if scoring is not None:
        raise UsageError(
            f"scoring={scoring!r} is for estimators; a function scores by itself. "
            f"Call run.score(...) in it."
        )
    function: TrainFunction = estimator_or_fn
    return FunctionLearner(function)


def _scorers(estimator: Any, scoring: Scoring) -> dict[str, Callable[..., Any]]:
    from sklearn.metrics import check_scoring  # type: ignore[import-untyped]  # published without

    if scoring is None:
        named: Mapping[str, Any] = {_own_score(estimator): None}
    elif isinstance(scoring, Mapping):
        named = scoring
    elif isinstance(scoring, str):
        named = {scoring: scoring}
    elif callable(scoring):
        own = getattr(scoring, "__name__", "")
        named = {own if own.isidentifier() else "score": scoring}  # a lambda has no name
    else:
        named = {one: one for one in scoring}
    if not named:
        raise UsageError(f"scoring={scoring!r} names no score. Pass one, such as 'accuracy'.")
    for name in named:
        metric_name(f"test/{name}")
    try:
        return {
            name: check_scoring(estimator, name if one is None and name != "score" else one)
            for name, one in named.items()
        }
    except (TypeError, ValueError) as error:
        raise UsageError(f"scoring={scoring!r} cannot be used: {error}") from error


def _own_score(estimator: Any) -> str:
    """The name of what `estimator.score` computes; "score" if it is its own."""
    from sklearn.base import ClassifierMixin, RegressorMixin
    from sklearn.dummy import (  # type: ignore[import-untyped]  # published without
        DummyClassifier,
        DummyRegressor,
    )

    known = {ClassifierMixin: "accuracy", RegressorMixin: "r2"}
    known |= {DummyClassifier: "accuracy", DummyRegressor: "r2"}  # theirs only take no X
    computed = getattr(type(_last(estimator)), "score", None)
    return next((name for kind, name in known.items() if kind.score is computed), "score")


def plain_parameters(learner: Learner) -> dict[str, Any] | None:
    """Those of an estimator that a person would compare; its seeds are those of the runs."""
    if not isinstance(learner, EstimatorLearner):
        return None
    return {
        name: value
        for name, value in sorted(learner.estimator.get_params().items())
        if isinstance(value, bool | int | float | str)
        and not name.endswith(("random_state", "verbose"))
    }


def name_of(estimator_or_fn: Any) -> str:
    """For people."""
    last = _last(estimator_or_fn)
    return getattr(last, "__name__", type(last).__name__)


def _last(estimator_or_fn: Any) -> Any:
    """The last step of a pipeline, which predicts."""
    return estimator_or_fn.steps[-1][1] if hasattr(estimator_or_fn, "steps") else estimator_or_fn


def with_random_states(estimator: Any, seed: int) -> Any:
    """The estimator with the seed as every `random_state`, those of its steps too.

    As one would write by hand, so the record tells it from a setting; numpy takes 32 bits.
    """
    names = (
        name
        for name in estimator.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    )
    return estimator.set_params(**dict.fromkeys(names, seed % 2**32))


def _score(run: Run, name: str, scorer: Callable[..., Any], fitted: Any, rows: Rows) -> float:
    """Recorded with its definition where scikit-learn tells what it is; logged otherwise."""
    given = _given(rows.X_test, rows.y_test)
    if is_scorer(scorer) and len(given) == 2:
        y_true, y_pred = _compared(scorer, fitted, *given)
        return run.score(name, scorer, y_true, y_pred, on="test")
    value = float(scorer(fitted, *given))
    run.log_metrics({name: value})
    return value


def _compared(scorer: Any, fitted: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """What a scorer would hand to its metric: it knows whether that takes classes or shares."""
    seen: list[tuple[Any, Any]] = []

    def metric(y_true: Any, y_pred: Any, **_: Any) -> float:
        seen.append((y_true, y_pred))
        return 0.0

    looking = copy.copy(scorer)
    looking._score_func = metric
    looking(fitted, X, y)
    return seen[0]


def _given(X: Any, y: Any) -> tuple[Any, ...]:
    return (X,) if y is None else (X, y)
