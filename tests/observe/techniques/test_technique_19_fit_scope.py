import io
import pickle
import threading
import warnings

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    LabelEncoder,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)

import repro
from repro.digest import row_hashes, table
from repro.facts.architecture import Architecture
from repro.facts.fact import Absent
from repro.facts.fit_scope import FitScope
from repro.observe.fit_scope import METHODS
from repro.observe.technique import Ending
from repro.observe.training import Training

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
TRAIN, TEST = slice(0, 40), slice(40, 60)


def features(**roles):
    return {role: row_hashes(table(rows).features) for role, rows in roles.items()}


def fact(training, **roles):
    roles = roles or {"train": X[TRAIN], "test": X[TEST]}
    return training.audience.facts(Ending(n_steps=0, features=features(**roles)))["fit_scope"]


def watched(*estimators, rows=TRAIN):
    """The fact of estimators that were fitted on these rows."""
    training = Training(lambda: True)
    with training.watch_fits():
        for estimator in estimators:
            estimator.fit(X[rows], Y[rows])
    return fact(training)


def fit_of(found, path):
    return next(fit for fit in found.fits if fit.path == path)


def step_of(found, path):
    return next(step for step in found.steps if step.path == path)


def seen(fit):
    return {role.role: (role.n_rows, role.share, role.n_beyond_train) for role in fit.roles}


def pipeline():
    numbers = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", StandardScaler(), [2, 3])])
    return Pipeline([("prep", numbers), ("best", SelectKBest(k=2)), ("clf", LogisticRegression())])


def state():
    """Every fitting method of every estimator, as it stands in its class."""
    found = {BaseEstimator}
    waiting = [BaseEstimator]
    while waiting:
        new = set(waiting.pop().__subclasses__()) - found
        found |= new
        waiting += new
    names = (*METHODS, "__init_subclass__")
    return {(kind, name): vars(kind).get(name) for kind in found for name in names}


def test_technique_19_a_fit_on_the_training_rows_saw_no_others():
    (fit,) = watched(StandardScaler()).fits
    assert (fit.path, fit.method, fit.n_calls, fit.n_rows) == ("StandardScaler", "fit", 1, 40)
    assert (fit.y_given, fit.needs_y, fit.ignores_y, fit.n_elsewhere) == (True, False, True, 0)
    assert seen(fit) == {"train": (40, 1.0, 0), "test": (0, 0.0, 0)}


def test_technique_19_a_fit_on_all_rows_saw_those_to_evaluate_on():
    (fit,) = watched(SelectKBest(k=2), rows=slice(None)).fits
    assert (fit.n_rows, fit.y_given, fit.ignores_y) == (60, True, False)
    assert seen(fit) == {"train": (40, 1.0, 0), "test": (20, 1.0, 20)}


def test_technique_19_a_row_that_stands_in_both_roles_was_not_seen_beyond_train():
    training = Training(lambda: True)
    with training.watch_fits():
        StandardScaler().fit(X[TRAIN])
    found = fact(training, train=X[TRAIN], test=X[38:48])
    assert seen(found.fits[0])["test"] == (2, 0.2, 0)


def test_technique_19_rows_that_were_transformed_stand_nowhere():
    training = Training(lambda: True)
    with training.watch_fits():
        LogisticRegression().fit(2 * X[TRAIN], Y[TRAIN])
    (fit,) = fact(training).fits
    assert (fit.n_elsewhere, seen(fit)["train"]) == (40, (0, 0.0, 0))


def test_technique_19_steps_are_told_by_their_name_and_the_fit_around_them():
    found = watched(pipeline())
    assert [fit.path for fit in found.fits] == ["Pipeline"]
    assert [(step.path, step.n_rows) for step in found.steps if "clf/" not in step.path] == [
        ("Pipeline/best", 40),
        ("Pipeline/clf", 40),
        ("Pipeline/prep", 40),
        ("Pipeline/prep/a", 40),
        ("Pipeline/prep/b", 40),
    ]
    best = step_of(found, "Pipeline/best")
    assert (best.kind, best.y_given, best.ignores_y) == ("SelectKBest", True, False)
    assert step_of(found, "Pipeline/clf").needs_y > best.needs_y
    assert found.around(best) == found.fits[0]


def test_technique_19_a_search_is_one_fit_and_its_candidates_are_steps():
    search = GridSearchCV(pipeline(), {"clf__C": [0.1, 1.0]}, cv=3)
    found = watched(search)
    assert [fit.path for fit in found.fits] == ["GridSearchCV"]
    step = step_of(found, "GridSearchCV/estimator/prep/b")
    assert (step.n_calls, step.n_rows) == (2 * 3 + 1, 40)


def test_technique_19_cross_validation_fits_clones_on_folds():
    training = Training(lambda: True)
    with training.watch_fits():
        cross_val_score(GaussianNB(), X[TRAIN], Y[TRAIN], cv=4)
    (fit,) = fact(training).fits
    assert (fit.path, fit.n_calls, fit.n_rows) == ("GaussianNB", 4, 30)
    assert seen(fit)["train"] == (40, 1.0, 0)


def test_technique_19_of_several_fits_the_largest_is_told():
    training, model = Training(lambda: True), Pipeline([("clf", GaussianNB())])
    with training.watch_fits():
        for rows in (TRAIN, TEST):
            model.fit(X[rows], Y[rows])
    found = fact(training)
    assert [(one.n_calls, one.n_rows) for one in (*found.fits, *found.steps)] == 2 * [(2, 40)]


def test_technique_19_partial_fits_are_one_fit_on_all_their_rows():
    training = Training(lambda: True)
    with training.watch_fits():
        model = SGDClassifier(random_state=0)
        for start in (0, 20, 40):
            model.partial_fit(X[start : start + 20], Y[start : start + 20], classes=[0, 1])
    (fit,) = fact(training).fits
    assert (fit.method, fit.n_calls, fit.n_rows) == ("partial_fit", 3, 60)
    assert seen(fit)["test"] == (20, 1.0, 20)


def test_technique_19_what_ignores_y_is_told_from_what_learns_from_it():
    blind = [StandardScaler(), SimpleImputer(), OneHotEncoder(), KBinsDiscretizer(), PCA()]
    seeing = [SelectKBest(k=2), TargetEncoder(), GaussianNB(), LogisticRegression()]
    with warnings.catch_warnings(action="ignore"):
        found = watched(*blind, *seeing)
    assert [fit.ignores_y for fit in found.fits] == [True] * 5 + [False] * 4
    assert fit_of(found, "TargetEncoder").needs_y


def test_technique_19_estimators_with_other_settings_are_told_apart():
    found = watched(LogisticRegression(), LogisticRegression(C=0.5), LogisticRegression())
    one, two = found.fits
    assert (one.path, one.kind, two.path) == ("LogisticRegression", one.path, f"{one.path}-2")
    assert (one.n_calls, two.n_calls, one.settings == two.settings) == (2, 1, False)


def test_technique_19_rows_are_known_by_content_in_any_order_and_container():
    training = Training(lambda: True)
    with training.watch_fits():
        StandardScaler().fit(X[TRAIN])
        StandardScaler(with_mean=False).fit(pd.DataFrame(X[TRAIN][::-1]))
        StandardScaler(with_std=False).fit(X[TEST])
    one, two, three = fact(training).fits
    assert one.rows_digest == two.rows_digest != three.rows_digest


def test_technique_19_texts_labels_and_what_cannot_be_read():
    training = Training(lambda: True)
    with training.watch_fits():
        CountVectorizer().fit(["red blue", "blue sky"])
        LabelEncoder().fit(["x", "y", "x"])
        CountVectorizer(binary=True).fit(text for text in ("one text", "two texts", "three"))
    texts, labels, stream = fact(training, train=["red blue", "dark sea"]).fits
    assert (texts.n_rows, seen(texts)["train"][0]) == (2, 1)
    assert (labels.n_rows, labels.y_given) == (3, False)
    assert (stream.n_rows, stream.rows_digest, stream.roles) == (None, None, ())
    assert "generator" in stream.unread


def test_technique_19_a_fit_that_raises_is_no_fit_and_raises_as_ever():
    training = Training(lambda: True)
    with training.watch_fits():
        with pytest.raises(ValueError, match="Input X contains NaN"):
            LogisticRegression().fit(np.full((4, 2), np.nan), [0, 1, 0, 1])
        GaussianNB().fit(X[TRAIN], Y[TRAIN])
    assert [fit.path for fit in fact(training).fits] == ["GaussianNB"]


class FitMixin:
    def fit(self, X, y=None):
        self.mean_ = X.mean()
        return self


def test_technique_19_classes_that_come_later_and_mixins_are_seen():
    training = Training(lambda: True)
    with training.watch_fits():

        class Late(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                return self

            def transform(self, X):
                return X

        class Mixed(FitMixin, BaseEstimator):
            pass

        Late().fit_transform(X[TRAIN])
        Mixed().fit(X[TRAIN])
    assert [fit.path for fit in fact(training).fits] == ["Late", "Mixed"]
    assert type(vars(Late)["fit"]) is type(vars(FitMixin)["fit"]) is type(state)


def test_technique_19_the_patch_is_given_back_however_the_block_ends():
    before = state()
    outer, inner = Training(lambda: True), Training(lambda: True)
    with pytest.raises(RuntimeError, match="stop"), outer.watch_fits():  # noqa: PT012
        with inner.watch_fits(), inner.watch_fits():
            GaussianNB().fit(X[TRAIN], Y[TRAIN])
        assert state() != before
        GaussianNB().fit(X[TRAIN], Y[TRAIN])
        raise RuntimeError("stop")
    assert state() == before
    GaussianNB().fit(X[TRAIN], Y[TRAIN])
    assert [fit.n_calls for fit in fact(inner).fits] == [1]
    assert [fit.n_calls for fit in fact(outer).fits] == [2]


def test_technique_19_blocks_of_two_threads_may_overlap():
    before = state()
    first, second = Training(lambda: True), Training(lambda: True)
    is_in, is_out = threading.Event(), threading.Event()

    def other():
        with second.watch_fits():
            is_in.set()
            is_out.wait(5)
            GaussianNB().fit(X[TRAIN], Y[TRAIN])

    thread = threading.Thread(target=other)
    with first.watch_fits():
        thread.start()
        is_in.wait(5)
    is_out.set()
    thread.join()
    assert state() == before
    assert [fit.path for fit in fact(second).fits] == ["GaussianNB"]


def test_technique_19_what_another_method_has_patched_meanwhile_stays():
    original = vars(GaussianNB)["fit"]
    with Training(lambda: True).watch_fits():
        GaussianNB.fit = theirs = lambda self, X, y: self
    try:
        assert vars(GaussianNB)["fit"] is theirs
    finally:
        GaussianNB.fit = original


def test_technique_19_a_class_pickled_by_value_takes_nothing_of_the_patch_along():
    class Local(BaseEstimator):
        def fit(self, X, y=None):
            self.n_ = len(X)
            return self

    before = Local().fit(X)
    with Training(lambda: True).watch_fits():
        copied = pickle.loads(cloudpickle.dumps(Local()))
        method = pickle.loads(cloudpickle.dumps(Local().fit))
    assert vars(type(copied))["fit"].__class__ is type(lambda: 0)
    assert copied.fit(X).n_ == method(X).n_ == before.n_


@pytest.mark.parametrize("backend", [{"n_jobs": 2}, {"n_jobs": 1}])
def test_technique_19_threads_of_joblib_belong_to_the_fit_around_them(backend):
    import joblib

    training = Training(lambda: True)
    with training.watch_fits(), joblib.parallel_backend("threading"):
        BaggingClassifier(GaussianNB(), 4, random_state=0, **backend).fit(X[TRAIN], Y[TRAIN])
    found = fact(training)
    assert [fit.path for fit in found.fits] == ["BaggingClassifier"]
    assert step_of(found, "BaggingClassifier/estimator").n_calls == 4


@pytest.mark.slow
def test_technique_19_of_other_processes_the_fit_around_them_is_seen():
    found = watched(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=2, n_jobs=2))
    assert [fit.path for fit in found.fits] == ["GridSearchCV"]
    assert step_of(found, "GridSearchCV/estimator").n_calls == 1  # the last one, on all rows


@pytest.mark.parametrize(
    "make",
    [
        pipeline,
        lambda: RandomForestClassifier(5, random_state=0),
        lambda: GridSearchCV(SGDClassifier(random_state=0), {"alpha": [1e-4, 1e-2]}, cv=3),
        lambda: SGDClassifier(),  # draws from the global generator
    ],
)
def test_technique_19_results_are_the_same_to_the_bit(make):
    def outcome(is_watched):
        np.random.seed(0)
        training = Training(lambda: True)
        estimator = make()
        if is_watched:
            with training.watch_fits():
                estimator.fit(X[TRAIN], Y[TRAIN])
        else:
            estimator.fit(X[TRAIN], Y[TRAIN])
        scores = getattr(estimator, "decision_function", None) or estimator.predict_proba
        return scores(X).tobytes(), np.random.get_state()[1].tobytes()

    assert outcome(is_watched=True) == outcome(is_watched=False)


def test_technique_19_rows_are_hashed_before_a_fit_that_writes_over_them():
    training, rows = Training(lambda: True), X[TRAIN].copy()
    with training.watch_fits():
        StandardScaler(copy=False).fit_transform(rows)
    assert not np.array_equal(rows, X[TRAIN])
    assert seen(fact(training).fits[0])["train"] == (40, 1.0, 0)


def test_technique_19_two_seeds_differ_in_what_gates_nothing():
    def one(seed):
        rows = np.random.default_rng(seed).permutation(60)[:40]
        training = Training(lambda: True)
        with training.watch_fits():
            RandomForestClassifier(2, random_state=seed).fit(X[rows], Y[rows])
        return fact(training).flat()

    first, second = one(0), one(1)
    assert first.keys() == second.keys()
    assert first["fit_scope.fits.RandomForestClassifier.n_rows"] == 40


def test_technique_19_without_a_block_it_is_not_recorded():
    found = fact(Training(lambda: True))
    reason = "no fit was seen: fit inside `with run.watch_fits():`, or see repro.check_fit"
    assert found == Absent(reason=reason, kind="not_recorded")


@pytest.mark.slow
def test_technique_19_a_run_records_what_was_fitted_and_the_model_by_its_parameters(project):
    frame = pd.DataFrame({"a": X[:, 0], "b": list("xyz") * 20})
    encoder = ColumnTransformer([("b", OneHotEncoder(), ["b"])], remainder="passthrough")
    model = Pipeline([("encode", encoder), ("clf", LogisticRegression(C=0.5))])
    with repro.tracked_run(seed=0, quiet=True) as run:
        run.log_data(train=(frame[TRAIN], Y[TRAIN]), test=(frame[TEST], Y[TEST]))
        with run.watch_fits():
            model.fit(frame, Y)
            StandardScaler().fit(X)
    record = project.record(run.run_id)
    fit = fit_of(record.find(FitScope), "Pipeline")
    assert seen(fit) == {"train": (40, 1.0, 0), "test": (20, 1.0, 20)}
    assert record.find(Architecture).name == "Pipeline"
    assert record.flat["architecture.clf__C"] == 0.5


def test_technique_19_a_watched_estimator_can_be_pickled():
    model = GaussianNB()
    with Training(lambda: True).watch_fits():
        model.fit(X[TRAIN], Y[TRAIN])
        stored = io.BytesIO(pickle.dumps(model))
    assert np.array_equal(pickle.load(stored).theta_, model.theta_)
