import contextlib
import sys
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import loguniform, norm, randint, uniform
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the next one exist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import repro
from repro.facts.architecture import Architecture
from repro.facts.fact import Absent
from repro.facts.tuning import Tuning
from repro.nested_runs import NestedRuns, nested_runs
from repro.observe.space import dimension
from repro.observe.technique import Ending
from repro.observe.training import Training
from repro.record import is_compared, is_per_replicate
from repro.report.notebook import notebook_page

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] + RNG.normal(size=60) / 2 > 0).astype(int)


def facts(training, n_steps=0):
    return training.audience.facts(Ending(n_steps=n_steps))


def tuned(*searches, fit=True):
    training = Training(lambda: True)
    for search in searches:
        training.watch(search, None, None)
        if fit and hasattr(search, "fit"):
            search.fit(X, Y)
    return facts(training)["tuning"]


def dimensions(search):
    return {one.name: one for one in search.dimensions}


def test_technique_27_a_grid_search_is_read_after_its_fit():
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 30]}, cv=3)
    (found,) = tuned(search).searches
    assert (found.name, found.method, found.n_trials, found.n_failed) == (
        "GridSearchCV",
        "GridSearchCV",
        3,
        0,
    )
    assert found.best_score == search.best_score_
    depth = dimensions(found)["max_depth"]
    assert (depth.kind, depth.low, depth.high, depth.n_values) == ("values", 1.0, 30.0, 3)
    assert depth.best == search.best_params_["max_depth"]


def test_technique_27_the_watched_search_is_told_by_the_architecture_another_one_here():
    first = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=KFold(3), scoring="f1")
    one, two = tuned(first, GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]})).searches
    assert (one.space, one.metric, one.refit) == ("C: 0.1, 1", "f1", "True")
    assert one.cv == "KFold(n_splits=3, random_state=None, shuffle=False)"
    assert (two.name, two.space, two.metric, two.cv) == ("GridSearchCV-2", None, None, None)


def test_technique_27_failed_candidates_count_as_trials():
    tree, grid = DecisionTreeClassifier(), {"max_depth": [0, 1, 2]}  # 0 is refused
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="are non-finite"):
        (found,) = tuned(GridSearchCV(tree, grid, cv=2)).searches
    assert (found.n_trials, found.n_failed) == (3, 1)
    with pytest.warns(FitFailedWarning):
        (found,) = tuned(GridSearchCV(tree, grid, cv=2, error_score=0)).searches
    assert (found.n_trials, found.n_failed) == (3, None)


def test_technique_27_distributions_and_several_grids_are_one_space():
    space = [{"C": loguniform(1e-3, 1e3)}, {"C": loguniform(1e-3, 1e3), "tol": [1e-4, 1e-3]}]
    search = RandomizedSearchCV(LogisticRegression(), space, n_iter=4, cv=2, random_state=0)
    (found,) = tuned(search).searches
    c, tol = dimensions(found)["C"], dimensions(found)["tol"]
    assert (c.kind, c.low, c.high, c.n_values) == ("loguniform", 1e-3, 1e3, None)
    assert (tol.low, tol.high, tol.n_values) == (1e-4, 1e-3, 2)
    assert found.n_trials == 4
    lists = [{"C": [0.1, 1]}, {"C": [10]}]
    (found,) = tuned(GridSearchCV(LogisticRegression(), lists, cv=2)).searches
    c = dimensions(found)["C"]
    assert (c.low, c.high, c.n_values, found.n_trials) == (0.1, 10.0, 3, 3)


def test_technique_27_a_halving_search_counts_every_candidate_of_every_round():
    search = HalvingGridSearchCV(LogisticRegression(), {"C": [0.1, 1, 10]}, cv=2, random_state=0)
    (found,) = tuned(search).searches
    assert found.n_trials == len(search.cv_results_["params"]) > 3


def test_technique_27_a_search_inside_a_pipeline_and_one_that_was_not_fitted():
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    (found,) = tuned(Pipeline([("scale", StandardScaler()), ("search", search)])).searches
    assert (found.n_trials, found.space) == (2, "C: 0.1, 1")
    (found,) = tuned(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}), fit=False).searches
    assert (found.n_trials, found.best_score, found.dimensions[0].best) == (None, None, None)


def test_technique_27_a_search_that_was_fitted_in_sight_need_not_be_handed_over():
    training = Training(lambda: True)
    with training.watch_fits():
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(X, Y)
    (found,) = facts(training)["tuning"].searches
    assert (found.n_trials, found.space) == (2, None)
    assert facts(training)["architecture"].name == "GridSearchCV"


def test_technique_27_the_clones_that_a_search_fits_are_no_searches_of_their_own():
    training = Training(lambda: True)
    inner = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=2)
    with training.watch_fits():
        GridSearchCV(inner, {"cv": [2, 3]}, cv=2).fit(X, Y)
    outer, held = facts(training)["tuning"].searches
    assert (outer.n_trials, held.n_trials) == (2, None)  # the one that it holds is cloned


def test_technique_27_a_value_that_is_listed_twice_is_one():
    assert dimension("x", [1, 1, 2], 2).n_values == 2


@pytest.mark.parametrize(
    ("values", "best", "edge"),
    [
        ([0.1, 1, 10], 10, "high"),
        ([0.1, 1, 10], 0.1, "low"),
        ([0.1, 1, 10], 1, None),
        ([1, 2], 2, None),  # of two each is at an edge
        ([True, False, None], True, None),
        (["a", "b", "c"], "a", None),
        (np.logspace(-3, 3, 7), 1e3, "high"),
        (uniform(0, 100), 4.0, "low"),
        (uniform(0, 100), 6.0, None),
        (loguniform(1e-4, 1e4), 1e-3, None),
        (loguniform(1e-4, 1e4), 2e-4, "low"),
        (loguniform(1e-4, 1e4), 9e3, "high"),
        (randint(1, 101), 99, "high"),
        (norm(0, 1), 9.0, None),  # has no bounds
        ([1, 2, 3], None, None),
    ],
)
def test_technique_27_the_best_value_may_lie_at_an_edge_of_what_was_searched(values, best, edge):
    assert dimension("x", values, best).at_edge == edge


class State:
    def __init__(self, name):
        self.name = name


@dataclass
class FloatDistribution:
    low: float
    high: float
    log: bool = False


@dataclass
class CategoricalDistribution:
    choices: tuple


@dataclass
class Trial:
    number: int
    state: State
    value: float | None
    params: dict
    distributions: dict = field(
        default_factory=lambda: {
            "lr": FloatDistribution(1e-5, 1e-1, log=True),
            "kind": CategoricalDistribution(("a", "b")),
        }
    )


class TPESampler:
    pass


class Study:
    """The shape of optuna's study, which is not installed here."""

    def __init__(self, trials):
        self.trials = trials
        self.sampler = TPESampler()
        self.directions = [State("MAXIMIZE")]

    @property
    def best_trial(self):
        done = [trial for trial in self.trials if trial.state.name == "COMPLETE"]
        if not done:
            raise ValueError("No trials are completed yet.")
        return max(done, key=lambda trial: trial.value)


def study():
    def trial(number, state, value=None, lr=1e-3):
        return Trial(number, State(state), value, {"lr": lr, "kind": "a"})

    return Study(
        [
            trial(0, "COMPLETE", 0.5),
            trial(1, "COMPLETE", 0.9, lr=0.08),
            trial(3, "PRUNED"),
            trial(4, "FAIL"),
        ]
    )


def test_technique_27_a_study_is_known_by_its_shape():
    (found,) = tuned(study()).searches
    assert (found.name, found.method, found.metric) == ("Study", "TPESampler", "maximize")
    assert (found.n_trials, found.n_failed, found.n_pruned, found.n_missing) == (4, 1, 1, 1)
    assert (found.space, found.best_score) == ("kind: a, b; lr: logfloat(1e-05, 0.1)", 0.9)
    lr = dimensions(found)["lr"]
    assert (lr.low, lr.high, lr.best, lr.at_edge) == (1e-5, 0.1, 0.08, "high")
    assert dimensions(found)["kind"].n_values == 2


def test_technique_27_a_study_is_no_model_and_one_without_a_result_has_no_best():
    training = Training(lambda: True)
    training.watch(GaussianNB(), None, None)
    training.watch(study(), None, None)
    assert facts(training)["architecture"].name == "GaussianNB"
    unfinished = Study([Trial(0, State("RUNNING"), None, {})])
    (found,) = tuned(unfinished).searches
    assert (found.n_trials, found.best_score, dimensions(found)["lr"].best) == (1, None, None)
    assert isinstance(facts(training)["architecture"], Architecture)


def test_technique_27_where_none_was_handed_over_it_depends_on_what_is_loaded(monkeypatch):
    def absent(n_steps=0, *, watch=False):
        training = Training(lambda: True)
        if watch:
            training.watch(GaussianNB(), None, None)
        return facts(training, n_steps)["tuning"]

    assert absent() == Absent(reason="no library that searches is loaded", kind="not_applicable")
    assert absent(watch=True).reason == "the watched GaussianNB is no search, and holds none"
    monkeypatch.setitem(sys.modules, "optuna", ModuleType("optuna"))
    reason = "optuna is loaded: a search, if there was one, was not handed over: run.watch(search)"
    assert absent(n_steps=3) == Absent(reason=reason, kind="not_recorded")


def test_technique_27_two_seeds_of_one_search_differ_only_where_they_may():
    def flat(seed):
        cv = KFold(2, shuffle=True, random_state=seed)
        space = {"C": loguniform(1e-3, 1e3)}
        search = RandomizedSearchCV(LogisticRegression(), space, n_iter=3, cv=cv, random_state=seed)
        return tuned(search, GaussianNB()).flat()

    one, two = flat(0), flat(1)
    differing = {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)}
    gating = {path for path in differing if is_compared(path) and not is_per_replicate(path)}
    assert "tuning.RandomizedSearchCV.cv" in differing
    assert gating == set()
    assert one["tuning.RandomizedSearchCV.space"] == "C: loguniform(0.001, 1000)"


def test_technique_27_another_number_of_trials_is_a_difference_to_declare():
    assert is_compared("tuning.GridSearchCV.n_trials")
    assert isinstance(tuned(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]})), Tuning)


@pytest.mark.slow
def test_technique_27_runs_inside_a_run_are_trials_whatever_became_of_them(project):
    with repro.tracked_run("search", seed=0, quiet=True) as search:
        for depth in (1, 2, 0):  # the last one is refused
            with (
                contextlib.suppress(ValueError),
                repro.tracked_run(
                    "trial", seed=0, params={"max_depth": depth}, quiet=True
                ) as trial,
            ):
                DecisionTreeClassifier(max_depth=depth).fit(X, Y)
        with contextlib.suppress(KeyboardInterrupt), repro.tracked_run(seed=0, quiet=True):
            raise KeyboardInterrupt
    client = project.history.client
    lost = client.create_run(
        project.history.experiment.experiment_id, tags={"mlflow.parentRunId": search.run_id}
    )
    found = nested_runs(project.history, search.run_id)
    assert found == NestedRuns(n=5, n_failed=2, n_unfinished=1)
    page = str(notebook_page(project.record(search.run_id), nested=found))
    assert "nested runs  5, 2 failed, 1 not ended" in page
    assert nested_runs(project.history, trial.run_id) is None
    assert client.get_run(lost.info.run_id).info.status == "RUNNING"
