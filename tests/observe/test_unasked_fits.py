"""A run sees what scikit-learn fits without being asked, up to a limit, and disturbs nothing."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import repro
from repro.digest import row_hashes, table
from repro.facts.fact import Absent
from repro.facts.fit_scope import FitScope
from repro.facts.tuning import Tuning
from repro.observe.fit_scope import MAX_FITS, MAX_STEPS
from repro.observe.observer import observed
from repro.observe.technique import Ending
from repro.observe.techniques.fit_scope import MAX_VALUES
from repro.observe.techniques.tuning import MAX_UNASKED
from repro.observe.training import Training

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
TRAIN, TEST = slice(0, 40), slice(40, 60)
SELECTOR = "sklearn.feature_selection"


@pytest.fixture
def training():
    """What watches a run, as `tracked_run` sets it up where scikit-learn is loaded."""
    made = Training(lambda: True)
    made.hook_fits()
    yield made
    made.unhook()


def facts(training):
    roles = {"train": X[TRAIN], "test": X[TEST]}
    features = {role: row_hashes(table(rows).features) for role, rows in roles.items()}
    return training.audience.facts(Ending(n_steps=0, features=features))


def scope(training):
    return facts(training)["fit_scope"]


def fit(n_times=1, **settings):
    for _ in range(n_times):
        GaussianNB(**settings).fit(X[TRAIN], Y[TRAIN])


def test_the_rows_of_a_fit_are_known_unasked(training):
    Pipeline([("scale", StandardScaler()), ("clf", GaussianNB())]).fit(X[TRAIN], Y[TRAIN])
    (found,) = scope(training).fits
    assert [(seen.role, seen.n_rows) for seen in found.roles] == [("train", 40), ("test", 0)]
    assert [step.path for step in scope(training).steps] == ["Pipeline/clf", "Pipeline/scale"]


def test_that_nothing_was_fitted_is_known_too(training):
    assert scope(training).fits == ()


def test_a_fit_is_told_once_inside_a_block_that_asks_for_all(training):
    with training.watch_fits():
        fit()
    assert [one.n_calls for one in scope(training).fits] == [1]


def test_of_many_fits_the_first_are_looked_at_and_the_fact_says_so(training):
    fit(MAX_FITS)
    assert not scope(training).is_cut
    fit()
    found = scope(training)
    assert (found.is_cut, found.fits[0].n_calls) == (True, MAX_FITS)
    with training.watch_fits():
        fit()
    assert scope(training).fits[0].n_calls == MAX_FITS + 1


def test_of_many_steps_the_first_are_looked_at_and_the_model_is_the_same(training):
    model = GradientBoostingClassifier(n_estimators=MAX_STEPS + 20, max_depth=1, random_state=0)
    seen = model.fit(X[TRAIN], Y[TRAIN]).predict_proba(X)
    assert sum(step.n_calls for step in scope(training).steps) == MAX_STEPS
    training.unhook()
    assert np.array_equal(seen, model.fit(X[TRAIN], Y[TRAIN]).predict_proba(X))


def test_of_many_values_none_are_read_unasked_and_the_fix_is_named(training):
    wide = np.zeros((40, MAX_VALUES // 40 + 1), dtype=np.int8)
    fit()
    StandardScaler().fit(wide)
    small, large = scope(training).fits
    assert (small.unread, large.n_rows, large.rows_digest) == (None, 40, None)
    assert large.unread == "more than 500,000 values are read only inside run.watch_fits()"
    with training.watch_fits():
        StandardScaler(with_mean=False).fit(wide)
    assert scope(training).fits[-1].unread is None


def test_what_was_fitted_after_the_last_score_is_left_out(training):
    fit()
    training.audience.tell("scored", "test/accuracy", 1.0, None, None)
    GaussianNB(var_smoothing=1e-3).fit(X, Y)  # the one that is shipped
    assert [one.n_rows for one in scope(training).fits] == [40]
    training.audience.tell("scored", "test/accuracy", 1.0, None, None)
    assert [one.n_rows for one in scope(training).fits] == [40, 60]


def test_a_selector_that_was_loaded_before_and_not_used_may_have_been_fitted_before(training):
    fit()
    assert scope(training).before == (SELECTOR,)
    Pipeline([("select", SelectKBest(k=2)), ("clf", GaussianNB())]).fit(X[TRAIN], Y[TRAIN])
    assert scope(training).before == ()


def test_searches_are_told_and_a_few_of_them_kept(training):
    for c in range(MAX_UNASKED + 1):
        search = GridSearchCV(LogisticRegression(tol=c + 1.0), {"C": [1.0]}, cv=2)
        search.fit(X[TRAIN], Y[TRAIN])
    assert isinstance(facts(training)["tuning"], Tuning)
    assert len(facts(training)["tuning"].searches) == MAX_UNASKED


@pytest.mark.slow
def test_a_run_gives_the_fitting_methods_back_and_a_failing_one_too(project):
    before = vars(GaussianNB)["fit"], vars(BaseEstimator).get("__init_subclass__")
    with repro.tracked_run(seed=0, quiet=True) as run:
        assert vars(GaussianNB)["fit"] is not before[0]
        run.log_data(train=(X[TRAIN], Y[TRAIN]), test=(X[TEST], Y[TEST]))
        model = GaussianNB().fit(X[TRAIN], Y[TRAIN])
        run.score("test/accuracy", accuracy_score, Y[TEST], model.predict(X[TEST]), on="test")
    with pytest.raises(KeyboardInterrupt), repro.tracked_run(seed=0, quiet=True):
        raise KeyboardInterrupt
    assert (vars(GaussianNB)["fit"], vars(BaseEstimator).get("__init_subclass__")) == before
    record = project.record(run.run_id)
    assert record.flat["fit_scope.fits.GaussianNB.roles.test.n_beyond_train"] == 0
    assert record.flat["architecture.name"] == "GaussianNB"


@pytest.mark.slow
def test_a_run_sees_fits_of_a_library_that_it_imports_itself(project):
    script = """
        import sys
        import repro
        with repro.tracked_run(seed=0, quiet=True) as run:
            assert "sklearn" not in sys.modules
            from sklearn.feature_selection import SelectKBest
            SelectKBest(k=1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], [0, 1, 1])
            print(run.run_id)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    found = project.record(done.stdout.strip()).find(FitScope)
    assert [one.path for one in found.fits] == ["SelectKBest"]
    assert found.before == ()


def test_fits_that_could_not_be_hooked_say_why(monkeypatch):
    def broken(stack, block):
        raise TypeError("no such patch")

    monkeypatch.setattr("repro.observe.training.ExitStack.enter_context", broken)
    made = Training(lambda: True)
    made.hook_fits()
    assert scope(made) == Absent(reason="TypeError: no such patch", kind="failed")


def test_what_a_composition_is_made_of_says_whether_it_looks_at_labels(training):
    Pipeline([("scale", StandardScaler()), ("map", PCA(2))]).fit(X, Y)
    ColumnTransformer([("scale", StandardScaler(), [0]), ("left", "drop", [1])]).fit(X, Y)
    Pipeline([("scale", StandardScaler()), ("clf", GaussianNB())]).fit(X, Y)
    assert [fit.ignores_y for fit in scope(training).fits] == [True, True, False]


@pytest.mark.parametrize(
    "texts",
    [["", *["word " * 1000] * 200], np.array([["word " * 1000]] * 200, dtype=object)],
    ids=["list", "array"],
)
def test_texts_count_by_their_characters(training, texts):
    DummyClassifier().fit(texts, np.arange(len(texts)) % 2)
    (found,) = scope(training).fits
    assert found.unread is not None
    short = [str(text)[:10] for text in texts]
    DummyClassifier(strategy="uniform").fit(short, np.arange(len(texts)) % 2)
    assert scope(training).fits[-1].unread is None


def test_a_time_limit_by_signal_is_no_failure_of_a_look():
    def limit(number, frame):
        raise TimeoutError("limit")

    before = signal.signal(signal.SIGALRM, limit)
    try:
        with pytest.raises(TimeoutError, match="limit"):
            observed(signal.raise_signal, signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert isinstance(observed(limit, 0, None), Absent)  # it handles no signal any more


def interrupted(*told):
    raise KeyboardInterrupt


def test_an_interrupt_while_rows_are_hashed_leaves_no_fit_open(training, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(training._fits, "_tell", interrupted)
        with pytest.raises(KeyboardInterrupt):
            GaussianNB().fit(X, Y)
    fit()
    assert [one.n_rows for one in scope(training).fits] == [40]


def test_rows_that_a_model_looks_at_to_stop_were_given_to_its_fit(training):
    model = HistGradientBoostingClassifier(max_iter=2, early_stopping=True)
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST])

    class Boosted(BaseEstimator):
        def fit(self, X, y, eval_set=None):
            return self

    Boosted().fit(X[TRAIN], Y[TRAIN], eval_set=[(X[TEST], Y[TEST])])
    found = [fit.roles[1].n_beyond_train for fit in scope(training).fits]
    assert found == [20, 20]
