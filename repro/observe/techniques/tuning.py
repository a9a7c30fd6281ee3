"""Looks at hyperparameter searches: what was tried, and whether the best lies at an edge."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import ReferenceType, ref

import numpy as np

from repro.facts.fact import Absent, Scalar
from repro.facts.tuning import Search, Tuning
from repro.observe.fit_scope import FitCall
from repro.observe.observer import observed
from repro.observe.params import scalar
from repro.observe.space import dimension, shown
from repro.observe.study import is_study
from repro.observe.technique import Ending, Technique

LIBRARIES = ("optuna", "hyperopt", "skopt", "nevergrad", "ax", "ray.tune", "skorch")
SPACES = ("param_grid", "param_distributions", "search_spaces")
MAX_UNASKED = 10  # searches that are told
TOLD = dict.fromkeys(("space", "metric", "cv", "refit"))  # by `architecture`, of the model
NOT_HANDED_OVER = "a search, if there was one, was not handed over: run.watch(search)"


class TuningObserver(Technique):
    """Reads searches: those that were handed over at the end, others as they were fitted.

    Those are not kept: they hold models, and some models their rows.
    """

    kind = Tuning

    def __init__(self) -> None:
        self._searches: list[Any] = []
        self._fitted: list[tuple[ReferenceType[Any], Search]] = []
        self._model: Any = None
        self._last: Search | None = None  # the last model that was fitted, if that was one

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """A search, or an estimator that holds some."""
        self._model = model
        self._remember(model)

    def searched(self, study: Any) -> None:
        """A study, which may go on after it was handed over."""
        self._remember(study)

    def fitted(self, call: FitCall) -> None:
        """A search that the script fitted."""
        if call.outer is not None:
            return
        if hasattr(call.estimator, "predict"):
            self._last = None
        for one in filter(is_search, (call.estimator, *_held(call.estimator))):
            others = [(known, found) for known, found in self._fitted if known() is not one]
            if not self._is_watched(one) and (call.is_asked or len(others) < MAX_UNASKED):
                found = _of_search(one)
                self._fitted = [*others, (ref(one), found)]
                self._last = found if one is call.estimator else self._last

    def at_end(self, ending: Ending) -> Tuning | Absent:
        """Every search, as it stands now, or stood when it had been fitted."""
        watched = [
            (_of_study(one) if is_study(one) else _of_search(one), one is self._model)
            for one in self._searches
        ]
        is_model_fitted = self._model is None
        fitted = [(found, is_model_fitted and found is self._last) for _, found in self._fitted]
        found = [
            search.model_copy(update=TOLD) if is_model else search
            for search, is_model in (*watched, *fitted)
        ]
        return Tuning(searches=tuple(_numbered(found))) if found else self._absent(ending)

    def _is_watched(self, search: Any) -> bool:
        return any(search is known for known in self._searches)

    def _remember(self, model: Any) -> None:
        for one in (model, *_held(model)):
            if not self._is_watched(one) and (is_study(one) or is_search(one)):
                self._searches.append(one)

    def _absent(self, ending: Ending) -> Absent:
        library = next((name for name in LIBRARIES if name in sys.modules), None)
        if library is not None:
            return Absent(reason=f"{library} is loaded: {NOT_HANDED_OVER}", kind="not_recorded")
        if hasattr(self._model, "get_params"):
            reason = f"the watched {type(self._model).__name__} is no search, and holds none"
            return Absent(reason=reason, kind="not_applicable")
        return Absent(reason="no library that searches is loaded", kind="not_applicable")


def is_search(value: Any) -> bool:
    """Whether it is a search of scikit-learn's kind: an estimator with a space to look in."""
    is_estimator = hasattr(value, "get_params") and hasattr(value, "estimator")
    return is_estimator and _given_space(value) is not None


def _held(model: Any) -> list[Any]:
    """Estimators inside: the steps of a pipeline are fitted themselves, not their clones."""
    if not hasattr(model, "get_params") or isinstance(model, type):
        return []
    held = observed(lambda: list(model.get_params(deep=True).values()))
    return [] if isinstance(held, Absent) else held


def _given_space(search: Any) -> Any:
    spaces = (getattr(search, name, None) for name in SPACES)
    return next((space for space in spaces if space is not None), None)


def _numbered(searches: Iterable[Search]) -> Iterator[Search]:
    """With names that differ: the second GridSearchCV is GridSearchCV-2."""
    seen = Counter[str]()
    for search in searches:
        seen[search.name] += 1
        n = seen[search.name]
        yield search.model_copy(update={"name": f"{search.name}-{n}"}) if n > 1 else search


def _of_search(search: Any) -> Search:
    results = getattr(search, "cv_results_", None)
    space = _joined(_given_space(search))
    best = getattr(search, "best_params_", {})
    return Search(
        name=type(search).__name__,
        method=type(search).__name__,
        n_trials=None if results is None else len(results["params"]),
        n_failed=None if results is None else _n_failed(search, results),
        best_score=_number(getattr(search, "best_score_", None)),
        dimensions=tuple(dimension(one, space[one], best.get(one)) for one in sorted(space)),
        space=_space_text({name: shown(values) for name, values in space.items()}),
        metric=str(scalar(search.scoring)),
        cv=str(scalar(search.cv)),
        refit=str(scalar(search.refit)),
    )


def _joined(space: Any) -> dict[str, Any]:
    """One space of several grids: the values of all of them."""
    joined: dict[str, Any] = {}
    for grid in [space] if isinstance(space, Mapping) else space:
        for name, values in grid.items():
            if hasattr(values, "rvs"):
                joined[name] = values
            else:
                known = joined.get(name, [])
                joined[name] = [*(() if hasattr(known, "rvs") else known), *values]
    return joined


def _n_failed(search: Any, results: Mapping[str, Any]) -> int | None:
    """Candidates without a score; with a number as `error_score` they look like others."""
    is_nan = isinstance(search.error_score, float) and np.isnan(search.error_score)
    means = [values for key, values in results.items() if key.startswith("mean_test_")]
    return int(np.isnan(np.array(means, dtype=float)).any(axis=0).sum()) if is_nan else None


def _of_study(study: Any) -> Search:
    trials: Sequence[Any] = list(study.trials)
    states = [str(getattr(trial.state, "name", trial.state)) for trial in trials]
    numbers = [trial.number for trial in trials if hasattr(trial, "number")]
    best = observed(getattr, study, "best_trial")  # raises where none was completed
    params = {} if isinstance(best, Absent) else best.params
    space = dict(_ranges(trials))
    directions = getattr(study, "directions", ())
    return Search(
        name=type(study).__name__,
        method=type(getattr(study, "sampler", study)).__name__,
        n_trials=len(trials),
        n_failed=states.count("FAIL"),
        n_pruned=states.count("PRUNED"),
        n_missing=max(numbers) + 1 - len(numbers) if numbers else None,
        space=_space_text({name: shown(one) for name, one in space.items()}),
        metric=", ".join(str(getattr(one, "name", one)).lower() for one in directions) or None,
        best_score=None if isinstance(best, Absent) else _number(getattr(best, "value", None)),
        dimensions=tuple(dimension(one, space[one], params.get(one)) for one in sorted(space)),
    )


def _ranges(trials: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for trial in trials:
        yield from getattr(trial, "distributions", {}).items()


def _space_text(ranges: Mapping[str, str]) -> str | None:
    text: Scalar = scalar("; ".join(f"{name}: {ranges[name]}" for name in sorted(ranges)))
    return str(text) if text else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) else None
