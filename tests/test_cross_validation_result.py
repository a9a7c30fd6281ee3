"""What came out of a cross-validation, as numbers and as a sentence."""

import math

import numpy as np
import pytest

from repro.cross_validation_result import ScoreSummary, summarized

# Seeds are averaged within a fold: 0.8, 0.9, 1.0.
VALUES = np.array([[0.7, 0.9, 1.0], [0.9, 0.9, 1.0]])


def test_the_interval_is_that_of_nadeau_and_bengio_over_folds_by_hand():
    summary = ScoreSummary("test/accuracy", VALUES, test_train_ratio=0.5)
    error = 0.1 * math.sqrt(1 / 3 + 0.5)  # sd of the folds; 1/J + n_test/n_train
    half_width = 4.302652729911275 * error  # t quantile .975 with 2 degrees of freedom
    assert summary.mean == pytest.approx(0.9)
    assert summary.std == pytest.approx(0.1)
    assert summary.seed_means.tolist() == pytest.approx([2.6 / 3, 2.8 / 3])
    assert summary.interval == pytest.approx((0.9 - half_width, 0.9 + half_width))
    assert str(summary) == "accuracy 0.9 [0.5072, 1.293] 95 % Nadeau-Bengio"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[0.9]], "0.9 (no interval)"),
        ([[0.9, math.nan]], "nan (no value of 1 of 2 runs)"),
        ([[0.9, 0.9]], "0.9 (no interval)"),
    ],
)
def test_one_fold_a_missing_score_or_equal_ones_have_no_interval(values, told):
    summary = ScoreSummary("test/accuracy", np.array(values), test_train_ratio=0.5)
    assert summary.interval is None
    assert str(summary) == f"accuracy {told}"


def test_a_score_that_a_run_did_not_take_is_missing_not_zero():
    found = summarized([[{"a": 1.0}, {"a": 2.0, "b": 3.0}]], 0.5)
    assert list(found) == ["a", "b"]
    assert found["a"].values.tolist() == [[1.0, 2.0]]
    assert math.isnan(found["b"].values[0, 0])
