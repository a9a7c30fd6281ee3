import functools
import inspect

import pytest
import sklearn.metrics
import torchmetrics
from sklearn.metrics import accuracy_score, get_scorer, get_scorer_names, mean_squared_error
from torchmetrics import functional
from torchmetrics.image import SpectralDistortionIndex
from torchmetrics.text import CharErrorRate, WordInfoPreserved

from repro.observe.direction import known_direction

LOWER = {
    "brier_score_loss",
    "coverage_error",
    "davies_bouldin_score",
    "hamming_loss",
    "hinge_loss",
    "label_ranking_loss",
    "log_loss",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_pinball_loss",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
    "mean_tweedie_deviance",
    "median_absolute_error",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "zero_one_loss",
}
HIGHER = {
    "accuracy_score",
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "average_precision_score",
    "balanced_accuracy_score",
    "calinski_harabasz_score",
    "cohen_kappa_score",
    "completeness_score",
    "consensus_score",
    "d2_absolute_error_score",
    "d2_brier_score",
    "d2_log_loss_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "dcg_score",
    "explained_variance_score",
    "f1_score",
    "fbeta_score",
    "fowlkes_mallows_score",
    "homogeneity_score",
    "jaccard_score",
    "label_ranking_average_precision_score",
    "matthews_corrcoef",
    "mutual_info_score",
    "ndcg_score",
    "normalized_mutual_info_score",
    "precision_score",
    "r2_score",
    "rand_score",
    "recall_score",
    "roc_auc_score",
    "silhouette_score",
    "top_k_accuracy_score",
    "v_measure_score",
}
FUNCTIONS = [
    name for name in sklearn.metrics.__all__ if inspect.isfunction(getattr(sklearn.metrics, name))
]
SCORERS_ONLY = {"positive_likelihood_ratio", "negative_likelihood_ratio"}  # no metric functions


@pytest.mark.parametrize("name", FUNCTIONS)
def test_of_every_function_of_scikit_learn_the_direction_is_right_or_there_is_none(name):
    expected = True if name in HIGHER else False if name in LOWER else None
    assert known_direction(getattr(sklearn.metrics, name), {}) is expected


def test_the_lists_agree_with_the_signs_of_the_registered_scorers():
    scorers = [get_scorer(name) for name in get_scorer_names()]
    signs = {scorer._score_func.__name__: scorer._sign for scorer in scorers}
    for name in signs.keys() - SCORERS_ONLY:
        assert (name in HIGHER, name in LOWER) == (signs[name] == 1, signs[name] == -1), name


def test_a_registered_scorer_is_better_the_higher_it_is():
    assert {known_direction(get_scorer(name), {}) for name in get_scorer_names()} == {True}


def test_a_decorated_or_own_metric_has_no_known_direction():
    @functools.wraps(mean_squared_error)
    def negative(y_true, y_pred):
        return -mean_squared_error(y_true, y_pred)

    def own_score(y_true, y_pred):
        return 1.0

    assert known_direction(negative, {}) is None
    assert known_direction(own_score, {}) is None
    assert known_direction(functools.partial(accuracy_score, normalize=True), {}) is True


def test_an_object_of_torchmetrics_says_it_itself():
    accuracy = torchmetrics.Accuracy(task="multiclass", num_classes=3)
    assert known_direction(accuracy, {}) is True
    assert known_direction(torchmetrics.MeanSquaredError(), {}) is False
    assert known_direction(torchmetrics.ConfusionMatrix(task="binary"), {}) is None
    assert known_direction(torchmetrics.MaxMetric(), {}) is None


def test_a_function_of_torchmetrics_has_the_direction_of_its_class():
    assert known_direction(functional.accuracy, {"task": "binary"}) is True
    assert known_direction(functional.classification.binary_f1_score, {}) is True
    assert known_direction(functools.partial(functional.accuracy, task="multilabel"), {}) is True
    assert known_direction(functional.mean_squared_error, {}) is False
    assert known_direction(functional.hamming_distance, {"task": "binary"}) is False
    assert known_direction(functional.confusion_matrix, {"task": "binary"}) is None


def test_where_torchmetrics_is_mistaken_the_direction_is_asked_for():
    assert (WordInfoPreserved.higher_is_better, SpectralDistortionIndex.higher_is_better) == (
        False,
        True,
    )
    assert known_direction(WordInfoPreserved(), {}) is None
    assert known_direction(functional.image.spectral_distortion_index, {}) is None
    assert known_direction(CharErrorRate(), {}) is False
