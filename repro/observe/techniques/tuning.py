"""Looks at hyperparameter searches: what was tried, and whether the best lies at an edge."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
MAX_UNASKED = 10  # searches that are kept until the end, with what they hold
NOT_HANDED_OVER = "a search, if there was one, was not handed over: run.watch(search)"


class TuningObserver(Technique):
    """Remembers searches, and reads them at the end."""

    kind = Tuning

    def __init__(self) -> None:
        self._searches: list[Any] = []
        self._model: Any = None  # the watched one, or the last one that was fitted

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """A search, or an estimator that holds some."""
        self._model = model
        self._remember(model)

    def searched(self, study: Any) -> None:
        """A study, which may go on after it was handed over."""
        self._remember(study)

    def fitted(self, call: FitCall) -> None:
        """A search that the script fitted."""
        if call.outer is None and (call.is_asked or len(self._searches) < MAX_UNASKED):
            self._remember(call.estimator)
            if self._model is None and is_search(call.estimator):
                self._model = call.estimator

    def at_end(self, ending: Ending) -> Tuning | Absent:
        """Every search, as it stands now."""
        kinds = [type(search).__name__ for search in self._searches]
        found = []
        for index, search in enumerate(self._searches):
            n_before = kinds[:index].count(kinds[index])
            name = f"{kinds[index]}-{n_before + 1}" if n_before else kinds[index]
            if is_study(search):
                found.append(_of_study(name, search))
            else:
                found.append(_of_search(name, search, is_model=search is self._model))
        if found:
            return Tuning(searches=tuple(found))
        return self._absent(ending)

    def _remember(self, model: Any) -> None:
        for one in (model, *_held(model)):
            is_new = not any(one is known for known in self._searches)
            if is_new and (is_study(one) or is_search(one)):
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


def _of_search(name: str, search: Any, *, is_model: bool) -> Search:
    results = getattr(search, "cv_results_", None)
    space = _joined(_given_space(search))
    best = getattr(search, "best_params_", {})
    found = Search(
        name=name,
        method=type(search).__name__,
        n_trials=None if results is None else len(results["params"]),
        n_failed=None if results is None else _n_failed(search, results),
        best_score=_number(getattr(search, "best_score_", None)),
        dimensions=tuple(dimension(one, space[one], best.get(one)) for one in sorted(space)),
    )
    return found if is_model else found.model_copy(update=_definition(search, space))


def _definition(search: Any, space: Mapping[str, Any]) -> dict[str, str | None]:
    """What `architecture` tells, where the search is the watched model."""
    return {
        "space": _space_text({name: shown(values) for name, values in space.items()}),
        "metric": str(scalar(search.scoring)),
        "cv": str(scalar(search.cv)),
        "refit": str(scalar(search.refit)),
    }


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


def _of_study(name: str, study: Any) -> Search:
    trials: Sequence[Any] = list(study.trials)
    states = [str(getattr(trial.state, "name", trial.state)) for trial in trials]
    numbers = [trial.number for trial in trials if hasattr(trial, "number")]
    best = observed(getattr, study, "best_trial")  # raises where none was completed
    params = {} if isinstance(best, Absent) else best.params
    space = dict(_ranges(trials))
    directions = getattr(study, "directions", ())
    return Search(
        name=name,
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
