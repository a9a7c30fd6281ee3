import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

import repro
from repro.errors import UsageError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = (X[:, 0] + RNG.normal(size=80) / 2 > 0).astype(int)
ROWS = np.arange(60)


def verdicts(check):
    return {step.path: step.verdict for step in check.steps}


# Of these only StandardScaler and PCA keep a number of rows (scikit-learn 1.9).
DETERMINISTIC = [
    StandardScaler(),
    RobustScaler(),
    PowerTransformer(),
    SimpleImputer(),
    KNNImputer(),
    KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"),
    PCA(2),
    LogisticRegression(),
    KNeighborsClassifier(),
    RandomForestClassifier(3, random_state=0),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    pytest.param(
        HistGradientBoostingClassifier(max_iter=3, random_state=0), marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize("estimator", DETERMINISTIC, ids=lambda one: type(one).__name__)
def test_technique_19_rows_that_an_estimator_was_fitted_on_match_and_others_differ(estimator):
    estimator.fit(X[ROWS], Y[ROWS])
    (step,) = repro.check_fit(estimator, X, Y, ROWS).steps
    assert (step.verdict, step.reason) == ("matches", "a fit on these rows gives the same")
    assert repro.check_fit(estimator, X, Y, ROWS[:-1]).verdict == "differs"
    assert repro.check_fit(estimator, X, Y).verdict == "differs"


def test_technique_19_the_reason_names_what_differs():
    scaler = StandardScaler().fit(X)
    check = repro.check_fit(scaler, X, rows=ROWS)
    assert check.steps[0].reason == "n_samples_seen_ is 80, on these 60"
    assert str(check) == (
        "differs      estimator (StandardScaler): n_samples_seen_ is 80, on these 60"
    )


def test_technique_19_rows_may_be_a_mask_and_data_a_frame_a_list_or_sparse():
    mask = np.arange(80) < 60
    assert repro.check_fit(RobustScaler().fit(X[:60]), pd.DataFrame(X), rows=mask).verdict == (
        "matches"
    )
    matrix = sparse.coo_matrix(np.abs(X))
    scaler = StandardScaler(with_mean=False).fit(matrix.tocsr()[:60])
    assert repro.check_fit(scaler, matrix, rows=ROWS).verdict == "matches"
    texts = ["red blue", "blue sky", "red sky", "dark sea"]
    words = TfidfVectorizer().fit(texts[:3])
    assert repro.check_fit(words, texts, rows=[0, 1, 2]).verdict == "matches"
    assert repro.check_fit(words, texts).verdict == "differs"


def test_technique_19_a_random_fit_cannot_be_told_unless_it_counts_its_rows():
    model = SGDClassifier().fit(X[ROWS], Y[ROWS])
    (step,) = repro.check_fit(model, X, Y, ROWS).steps
    assert (step.verdict, step.reason) == ("cannot_tell", "coef_ is random: two fits differ")
    pca = PCA(2, svd_solver="randomized", iterated_power=0).fit(X)
    (step,) = repro.check_fit(pca, X, rows=ROWS).steps
    assert (step.verdict, step.reason) == ("differs", "n_samples_ is 80, on these 60")


class Rarely(BaseEstimator):
    """Two fits in a row are equal, a third is not."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        draws = np.random if self.random_state is None else self.random_state
        self.value_ = 5 + (draws.randint(2**31) == -1)
        return self


def test_technique_19_what_draws_numbers_may_be_equal_twice_by_chance():
    model = Rarely().fit(X)
    model.value_ = 6
    (step,) = repro.check_fit(model, X).steps
    assert step.verdict == "cannot_tell"
    assert step.reason == (
        "random_state is None, and the fit draws numbers: another fit does not give the same"
    )


def test_technique_19_a_generator_that_has_moved_on_cannot_be_told():
    model = RandomForestClassifier(3, random_state=np.random.RandomState(0)).fit(X, Y)
    (step,) = repro.check_fit(model, X, Y).steps
    assert step.verdict == "cannot_tell"
    assert step.reason.startswith("random_state is a generator that has moved on since")


def test_technique_19_a_step_that_was_fitted_on_all_rows_is_found_in_a_pipeline():
    scaler = StandardScaler().fit(X)
    clf = LogisticRegression().fit(scaler.transform(X[ROWS]), Y[ROWS])
    leaky = Pipeline([("scale", scaler), ("flat", Normalizer().fit(X)), ("clf", clf)])
    check = repro.check_fit(leaky, X, Y, ROWS)
    assert verdicts(check) == {"scale": "differs", "flat": "matches", "clf": "cannot_tell"}
    assert check.steps[2].reason == "an earlier step differs: scale"
    assert check.verdict == "differs"


def test_technique_19_steps_side_by_side_do_not_excuse_one_another():
    numbers = ColumnTransformer([("a", StandardScaler(), [0]), ("b", RobustScaler(), [1])])
    union = FeatureUnion([("all", numbers), ("pca", PCA(1))])
    model = make_pipeline(union, LogisticRegression()).fit(X, Y)
    assert repro.check_fit(model, X, Y).verdict == "matches"
    assert verdicts(repro.check_fit(model, X, Y, ROWS)) == {
        "featureunion.all.a": "differs",
        "featureunion.all.b": "differs",
        "featureunion.pca": "differs",
        "logisticregression": "cannot_tell",
    }


def test_technique_19_columns_that_are_dropped_or_passed_through_are_no_steps():
    frame = pd.DataFrame({"a": X[:, 0], "b": list("wxyz") * 20, "c": X[:, 1]})
    model = ColumnTransformer([("b", OneHotEncoder(), ["b"]), ("c", "drop", ["c"])])
    assert verdicts(repro.check_fit(model.fit(frame[:60]), frame, rows=ROWS)) == {"b": "matches"}


def test_technique_19_nothing_is_changed():
    model = SGDClassifier().fit(X, Y)
    held, state = model.coef_.copy(), np.random.get_state()[1:3]
    repro.check_fit(model, X, Y, ROWS)
    assert np.array_equal(model.coef_, held)
    assert np.array_equal(np.random.get_state()[1], state[0])
    assert np.random.get_state()[2] == state[1]


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (StandardScaler(), "check_fit(StandardScaler): it is not fitted."),
        (make_pipeline(StandardScaler()), "check_fit(Pipeline): it is not fitted."),
        (3, "check_fit(int): pass an estimator of scikit-learn, fitted."),
        (StandardScaler, "check_fit(type): pass an estimator of scikit-learn, fitted."),
    ],
)
def test_technique_19_what_is_not_fitted_is_refused(estimator, message):
    with pytest.raises(UsageError) as refused:
        repro.check_fit(estimator, X)
    assert str(refused.value) == message
