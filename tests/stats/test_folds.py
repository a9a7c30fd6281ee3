import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from repro.errors import TooFewReplicates, UsageError
from repro.stats.folds import corrected_t
from repro.stats.paired import paired_t

REFERENCE = Path(__file__).parent / "reference"
EXPECTED = json.loads((REFERENCE / "nadeau_bengio_expected.json").read_text())
PUBLISHED = EXPECTED["published"]["rbf_vs_linear"]
RATIO = 10 / 90  # ten folds, ten times


@pytest.fixture(scope="module")
def auc():
    with (REFERENCE / "nadeau_bengio_sklearn_moons_10x10cv_auc.csv").open() as file:
        rows = [[float(value) for value in row.values()] for row in csv.DictReader(file)]
    names = ("linear", "2_poly", "3_poly", "rbf")
    return dict(zip(names, np.array(rows).T, strict=True))


def t_of(estimate):
    return estimate.mean / estimate.standard_error


# Published: the scikit-learn gallery, "Statistical comparison of models using grid search".
def test_corrected_t_gives_the_published_numbers(auc):
    estimate = corrected_t(auc["rbf"] - auc["linear"], test_train_ratio=RATIO)
    assert estimate.df == 99
    assert round(t_of(estimate), 3) == PUBLISHED["corrected_t"]
    assert round(estimate.p_value / 2, 3) == PUBLISHED["corrected_p"]  # published one-sided
    for level in (50, 75, 95):
        assert estimate.interval(level / 100) == pytest.approx(PUBLISHED[f"ci{level}"], abs=5e-7)


def test_folds_taken_as_independent_would_give_the_published_wrong_numbers(auc):
    naive = paired_t(auc["rbf"] - auc["linear"])
    assert round(t_of(naive), 3) == PUBLISHED["uncorrected_t"]
    assert round(naive.p_value / 2, 3) == PUBLISHED["uncorrected_p"]


def test_corrected_t_gives_every_published_pair(auc):
    published = {(a, b): (t, p) for a, b, t, p in EXPECTED["published"]["pairwise_bonferroni"]}
    assert len(published) == len(list(combinations(auc, 2)))
    for (a, b), (t, p) in published.items():
        estimate = corrected_t(auc[a] - auc[b], test_train_ratio=RATIO)
        assert round(t_of(estimate), 3) == t
        assert round(min(1.0, estimate.p_value / 2 * len(published)), 3) == p


def test_repeats_do_not_push_the_error_below_the_overlap_term():
    d = np.tile([0.0, 2.0], 5000)
    assert corrected_t(d, test_train_ratio=0.25).standard_error == pytest.approx(
        0.25**0.5, rel=1e-3
    )


def test_one_fold_is_refused():
    with pytest.raises(TooFewReplicates) as caught:
        corrected_t([0.1], test_train_ratio=0.25)
    assert str(caught.value) == ("differences: 1 given, at least 2 needed. Run more replicates.")


@pytest.mark.parametrize("ratio", [0, -0.25, float("inf"), float("nan")])
def test_a_ratio_that_cannot_be_is_refused(ratio):
    with pytest.raises(UsageError) as caught:
        corrected_t([0.1, 0.2], test_train_ratio=ratio)
    assert str(caught.value) == (
        f"test_train_ratio is n_test / n_train, such as 0.25 for 5 folds, not {ratio}."
    )
