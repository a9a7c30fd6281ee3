"""The standard error over evaluation rows, against scipy's and statsmodels'."""

import numpy as np
import pytest
from fake_history import FakeHistory
from null_claims import Kept, of_shares, scored
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from repro.audit.case import EvaluationNoise
from repro.evaluation_noise import evaluation_noise
from repro.record import Arms

METRIC = "test/accuracy"
UNKNOWN = EvaluationNoise()
ROWS = {name: np.random.default_rng(at).random(300) for at, name in enumerate(("a", "b", "c", "d"))}


def kept(*names):
    return [scored(per_example=name) for name in names]


def pairs(baseline, candidate):
    return Arms(baseline, candidate, tuple((i, i) for i in range(len(baseline))))


# scipy.stats.sem: sd (n - 1) / sqrt(n)
def test_row_by_row_it_is_the_standard_error_of_the_differences_averaged_over_pairs():
    found = evaluation_noise(pairs(kept("a", "b"), kept("c", "d")), METRIC, Kept(ROWS))
    d = (ROWS["c"] - ROWS["a"] + ROWS["d"] - ROWS["b"]) / 2
    assert found.standard_error == pytest.approx(stats.sem(d), rel=1e-12)
    assert (found.n_rows, found.is_paired) == (300, True)


# statsmodels: proportions_ztest([w_c, w_b], [n, n]) pools the shares: z = difference / error
def test_by_the_shares_alone_it_is_that_of_the_z_test_of_two_proportions():
    arms, nothing = of_shares(0.9, 0.95)
    found = evaluation_noise(arms, METRIC, nothing)
    z, _ = proportions_ztest([285, 270], [300, 300])
    assert 0.05 / found.standard_error == pytest.approx(z, rel=1e-12)
    assert (found.n_rows, found.is_paired) == (300, False)


def test_a_pair_that_kept_nothing_leaves_the_shares():
    arms = pairs([*kept("a"), scored(value=0.9)], [*kept("b"), scored(value=0.9)])
    found = evaluation_noise(arms, METRIC, Kept(ROWS))
    assert found.standard_error == pytest.approx((2 * 0.9 * 0.1 / 300) ** 0.5)
    assert not found.is_paired


def test_the_smaller_number_of_rows_counts():
    arms = pairs([scored(n_rows=300)], [scored(n_rows=200)])
    assert evaluation_noise(arms, METRIC, FakeHistory({})).n_rows == 200


@pytest.mark.parametrize(
    "candidate",
    [
        {"rows_digest": "blake3:other"},  # a fold
        {"metric": "sklearn.metrics.log_loss"},
        {"value": 1.5},
        {"name": "test/f1"},  # of one run the score is missing
    ],
)
def test_it_is_unknown_where_its_size_is(candidate):
    arms = pairs([scored()], [scored(**candidate)])
    assert evaluation_noise(arms, METRIC, FakeHistory({})) == UNKNOWN


def test_rows_that_cannot_be_subtracted_leave_the_shares():
    short = Kept({**ROWS, "b": ROWS["b"][:299]})
    assert not evaluation_noise(pairs(kept("a"), kept("b")), METRIC, short).is_paired
