"""The patch of the fitting methods: who else patches them, calls them, or refuses to be patched."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import weakref

import cloudpickle
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if

from repro.observe.technique import Ending
from repro.observe.training import Training

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def training():
    """What watches a run, as `tracked_run` sets it up where scikit-learn is loaded."""
    made = Training(lambda: True)
    made.hook_fits()
    yield made
    made.unhook()


def scope(training):
    return training.audience.facts(Ending(n_steps=0))["fit_scope"]


def seen(training):
    return [fit.kind for fit in scope(training).fits]


@pytest.mark.slow
@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "inside"])
def test_autologging_of_mlflow_logs_as_it_does_without_a_run_and_after_it(project, when):
    script = """
        import sys
        import mlflow
        import repro
        options = {"log_models": False, "log_datasets": False}
        if sys.argv[1] == "before":
            mlflow.autolog(**options)
        with repro.tracked_run(seed=0, quiet=True) as run:
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import Pipeline
            if sys.argv[1] == "inside":
                mlflow.sklearn.autolog(**options)
            LogisticRegression(C=3).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
            print(mlflow.get_run(run.run_id).data.params["C"], run.run_id)
        with mlflow.start_run() as later:
            LogisticRegression(C=4).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
        mlflow.sklearn.autolog(disable=True, silent=True)
        kept = {type(value).__name__ for value in vars(LogisticRegression).values()}
        print(mlflow.get_run(later.info.run_id).data.params["C"], "_Telling" in kept)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), when],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    inside, after = done.stdout.strip().splitlines()[-2:]
    run_id = inside.split()[1]
    assert (inside, after) == (f"3 {run_id}", "4 False")
    assert project.record(run_id).flat["fit_scope.fits.LogisticRegression.n_rows"] == 3


def test_a_fit_that_is_called_through_its_class_is_seen(training):
    original = GaussianNB.fit
    original(GaussianNB(), X, Y)
    assert seen(training) == ["GaussianNB"]
    assert GaussianNB.fit is original  # the same however often it is asked for


def test_to_whoever_asks_the_class_it_is_a_function_like_the_one_before(training):
    patched, method = vars(GaussianNB)["fit"], GaussianNB.fit
    assert patched == method
    assert method == patched
    assert patched != LogisticRegression.fit
    assert method.__qualname__ == "GaussianNB.fit"
    assert pickle.loads(pickle.dumps(method)) is method
    training.unhook()
    assert GaussianNB.fit is method.__wrapped__


def test_what_others_bring_back_after_the_run_tells_no_more_and_the_next_run_sees_the_fit(training):
    patched = vars(GaussianNB)["fit"]
    training.unhook()
    original = vars(GaussianNB)["fit"]
    GaussianNB.fit = patched  # as the end of a mock does
    try:
        later = Training(lambda: True)
        later.hook_fits()
        GaussianNB().fit(X, Y)
        later.unhook()
        assert (seen(later), seen(training)) == (["GaussianNB"], [])
        assert vars(GaussianNB)["fit"] is original
    finally:
        GaussianNB.fit = original


class Guarded(BaseEstimator):
    @available_if(lambda self: True)
    def fit(self, X, y=None):
        self.n_rows_ = len(X)
        return self


def test_a_guarded_fit_is_seen_and_given_back(training):
    guard = vars(Guarded)["fit"]
    assert Guarded().fit(X).n_rows_ == 60
    assert seen(training) == ["Guarded"]
    training.unhook()
    assert vars(Guarded)["fit"] is guard
    assert type(guard.fn).__name__ == "function"


def test_a_method_is_known_by_the_name_that_its_class_has_for_it(training):
    def learn(self, X, y=None):
        return self

    type("Chunked", (BaseEstimator,), {"fit": learn, "partial_fit": learn})().partial_fit(X)
    assert [fit.method for fit in scope(training).fits] == ["partial_fit"]


def test_a_class_that_is_pickled_by_value_knows_nothing_of_us(training):
    made = type("Local", (BaseEstimator,), {"fit": lambda self, X, y=None: self})
    made.__module__ = "__main__"
    assert vars(made)["fit"] is not made.fit
    assert b"repro" not in cloudpickle.dumps(made)
    by_value = cloudpickle.loads(cloudpickle.dumps(made.fit))
    assert by_value(made(), X) is not None


def test_a_class_that_refuses_to_be_patched_is_made_as_without_a_run(training):
    class Frozen(type):
        def __setattr__(cls, name, value):
            raise AttributeError(f"{cls.__name__} is frozen")

    class Odd(BaseEstimator, metaclass=Frozen):
        def fit(self, X, y=None):
            return self

    assert Odd().fit(X) is not None
    GaussianNB().fit(X, Y)
    assert seen(training) == ["GaussianNB"]


def test_a_child_that_was_forked_while_another_thread_told_a_fit_can_fit(training):
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with training._fits._lock:
            held.set()
            go_on.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends one that waits
        GaussianNB().fit(X, Y)
        os._exit(7)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_models_that_were_fitted_are_not_kept_alive(training):
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 2]}, cv=2).fit(X, Y)
    facts = training.audience.facts(Ending(n_steps=0))
    assert facts["architecture"].name == "GridSearchCV"
    (told,) = facts["tuning"].searches
    assert (told.name, told.n_trials, told.space) == ("GridSearchCV", 2, None)
    kept = weakref.ref(search)
    del search, facts
    assert kept() is None
    (told,) = training.audience.facts(Ending(n_steps=0))["tuning"].searches
    assert (told.n_trials, told.space) == (2, None)


def test_a_search_that_is_not_the_model_tells_its_space(training):
    GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-6]}, cv=2).fit(X, Y)
    LogisticRegression().fit(X, Y)
    (told,) = training.audience.facts(Ending(n_steps=0))["tuning"].searches
    assert told.space == "var_smoothing: 1e-09, 1e-06"


def test_jobs_in_threads_are_no_parts_of_each_other(training):
    together = threading.Barrier(2, timeout=30)

    class Slow(BaseEstimator):
        def fit(self, X, y=None):
            together.wait()
            Pipeline([("scale", StandardScaler()), ("clf", GaussianNB())]).fit(X, y)
            together.wait()
            return self

    class Other(Slow):
        pass

    Parallel(n_jobs=2, backend="threading")(delayed(one.fit)(X, Y) for one in (Slow(), Other()))
    assert sorted(seen(training)) == ["Other", "Slow"]
