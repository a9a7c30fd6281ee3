import csv
import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.errors import TooFewReplicates, UsageError
from repro.stats.datasets import (
    critical_difference,
    friedman,
    sign_posterior,
    signed_rank,
    signed_rank_posterior,
)
from repro.stats.folds import corrected_t

REFERENCE = Path(__file__).parent / "reference"
DEMSAR = json.loads((REFERENCE / "demsar2006_expected.json").read_text())
PUBLISHED, ROUNDED = DEMSAR["published"], DEMSAR["from_rounded_table"]
BENAVOLI = json.loads((REFERENCE / "bayesiantests_expected.json").read_text())
# Published posteriors are themselves sampled, 50 000 draws each: one standard error is .0022.
MONTE_CARLO = 0.008


def demsar_table():
    with (REFERENCE / "demsar2006_table6_auc.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    return [name for name, *_ in rows], np.array([[float(x) for x in row] for _, *row in rows])


NAMES, AUC = demsar_table()


@pytest.fixture(scope="module")
def accuracy():
    """Shares, shape (54 data sets, 100 folds), by classifier."""
    path = REFERENCE / "bayesiantests_uci54_10x10cv_accuracy.csv.gz"
    folds = {}
    with gzip.open(path, "rt") as file:
        for classifier, _, _, *scores in itertools.islice(csv.reader(file), 1, None):
            folds.setdefault(classifier, []).append([float(score) / 100 for score in scores])
    return {classifier: np.array(rows) for classifier, rows in folds.items()}


# Demsar 2006 ranked unrounded scores. His table shows three digits, by which "voting" ties
# C4.5+cf with C4.5+m+cf (.975, .975), where he ranks them 2 and 3: hence two sets of numbers.
def test_friedman_gives_the_published_numbers_from_the_ranks_behind_the_table():
    unrounded = AUC.copy()
    unrounded[NAMES.index("voting")] = [0.972, 0.981, 0.9752, 0.9748]
    found = friedman(unrounded)
    assert [round(rank, 3) for rank in found.average_ranks] == list(
        PUBLISHED["mean_ranks"].values()
    )
    assert round(found.chi2, 2) == PUBLISHED["chi2_F"]
    assert round(found.f, 2) == PUBLISHED["F_F"]
    assert found.df == (3, 39)
    critical = scipy_stats.f.ppf(0.95, *found.df)
    assert round(critical, 2) == PUBLISHED["F_crit_3_39_05"]
    assert found.p_value == pytest.approx(scipy_stats.f.sf(found.f, 3, 39))


def test_the_printed_table_gives_other_numbers_because_rounding_ties_voting():
    found = friedman(AUC)
    assert [round(rank, 3) for rank in found.average_ranks] == ROUNDED["mean_ranks"]
    assert round(found.chi2, 2) == ROUNDED["chi2_F"]
    assert round(found.f, 2) == ROUNDED["F_F"]


def test_ties_make_friedman_conservative_beside_the_corrected_statistic_of_scipy():
    corrected = scipy_stats.friedmanchisquare(*AUC.T).statistic
    assert round(corrected, 4) == ROUNDED["scipy_friedmanchisquare_tie_corrected"]
    assert friedman(AUC).chi2 < corrected
    untied = np.random.default_rng(0).normal(size=(8, 5))
    expected = scipy_stats.friedmanchisquare(*untied.T).statistic
    assert friedman(untied).chi2 == pytest.approx(expected)


def test_data_sets_that_all_agree_have_the_p_of_that_many_equal_rankings():
    found = friedman([[3.0, 2.0, 1.0]] * 6)
    assert found.f == float("inf")
    assert found.p_value == pytest.approx(6.0**-5)


@pytest.mark.parametrize(("alpha", "digits"), [(0.05, "05"), (0.1, "10")])
def test_nemenyi_gives_the_published_critical_difference(alpha, digits):
    found = critical_difference(4, 14, alpha=alpha)
    assert round(found, 2) == PUBLISHED[f"nemenyi_CD{digits}"]
    q = found / (4 * 5 / (6 * 14)) ** 0.5
    assert round(q, 3) == PUBLISHED[f"nemenyi_q{digits}_k4"]


def test_signed_rank_gives_the_published_rank_sums():
    published = PUBLISHED["wilcoxon_C45_vs_C45m"]
    found = signed_rank(AUC[:, 1] - AUC[:, 0])
    assert (found.r_plus, found.r_minus) == (published["R_plus"], published["R_minus"])
    # The source's z takes 14 ranks without ties; the rank sums are all that it needs.
    z = (found.r_minus - 14 * 15 / 4) / (14 * 15 * 29 / 24) ** 0.5
    assert round(z, 2) == published["z"]


# scipy.stats.wilcoxon(d, zero_method="zsplit", method="exact") gives 140 / 2^14 = .00854: it counts
# patterns of the ranks 1..14. With two zeros and three ties, 32 of the 2^12 patterns of the ranks
# that there are reach 93: .00781.
def test_the_exact_p_counts_the_ranks_that_there_are_and_so_differs_from_scipy():
    d = np.round(AUC[:, 1] - AUC[:, 0], 3)
    by_scipy = scipy_stats.wilcoxon(d, zero_method="zsplit", method="exact").pvalue
    assert by_scipy == ROUNDED["wilcoxon_zsplit_exact_p"]
    ranks = scipy_stats.rankdata(np.abs(d))[d != 0]
    signs = np.array(list(itertools.product([-1, 1], repeat=12)))
    enumerated = np.mean(np.abs(signs @ ranks) >= 93 - 12)
    assert signed_rank(d).p_value == enumerated == 32 / 2**12


@pytest.mark.parametrize("n", [6, 13, 25])
def test_signed_rank_agrees_with_scipy_where_nothing_is_tied(n):
    d = np.random.default_rng(n).normal(0.4, 1.0, n)
    found = signed_rank(d)
    assert found.is_exact
    assert found.p_value == pytest.approx(scipy_stats.wilcoxon(d, method="exact").pvalue)


def test_beyond_25_data_sets_the_p_is_normal():
    d = np.random.default_rng(0).normal(0.3, 1.0, 54)
    found = signed_rank(d)
    by_scipy = scipy_stats.wilcoxon(d, method="asymptotic", correction=False).pvalue
    assert not found.is_exact
    assert found.p_value == pytest.approx(by_scipy)


# Without zeros sum(rank^2) / 4 is scipy's variance with its correction for ties.
def test_beyond_25_data_sets_ties_narrow_the_normal_distribution():
    rng = np.random.default_rng(0)
    d = rng.integers(1, 5, size=40) * rng.choice([-1.0, 1.0], size=40, p=[0.3, 0.7])
    by_scipy = scipy_stats.wilcoxon(d, method="asymptotic", correction=False).pvalue
    assert signed_rank(d).p_value == pytest.approx(by_scipy)


def test_differences_equal_but_for_rounding_are_tied():
    d = [0.92 - 0.91, 0.53 - 0.52, 0.11 - 0.12, 0.3, 0.4, 0.1 + 0.2 - 0.3, 0.5]
    assert signed_rank(d) == signed_rank([0.01, 0.01, -0.01, 0.3, 0.4, 0.0, 0.5])


@pytest.mark.parametrize("n", [6, 30])
def test_methods_that_are_equal_everywhere_do_not_differ(n):
    found = signed_rank([0.0] * n)
    assert (found.r_plus, found.r_minus, found.p_value) == (n * (n + 1) / 4, n * (n + 1) / 4, 1.0)
    assert friedman([[0.5, 0.5, 0.5]] * n).p_value == 1.0


# Published: BayesianTestsML/tutorial, nbc against aode, 10 x 10 folds.
def test_corrected_t_gives_all_54_published_p_values(accuracy):
    published = BENAVOLI["correlated_ttest_two_sided_nbc_vs_aode"]
    pairs = zip(accuracy["nbc"], accuracy["aode"], strict=True)
    found = [round(corrected_t(b - c, test_train_ratio=1 / 9).p_value, 3) for b, c in pairs]
    assert found == [p for _, p in published]


def test_sign_posterior_gives_the_published_probabilities(accuracy):
    mean = {classifier: folds.mean(axis=1) for classifier, folds in accuracy.items()}
    found = sign_posterior(mean["aode"] - mean["nbc"], rope=0.01)
    assert found == pytest.approx(BENAVOLI["bayes_sign_nbc_aode_rope001"], abs=MONTE_CARLO)
    for rope, published in BENAVOLI["bayes_sign_j48_j48gr"].items():
        found = sign_posterior(mean["j48gr"] - mean["j48"], rope=float(rope))
        assert found == pytest.approx(published, abs=MONTE_CARLO)
    found = sign_posterior(mean["j48"] - mean["nbc"], rope=0.01)
    published = BENAVOLI["baycomp_docs_nbc_j48_rope1_percent"]["Sign"]
    assert found == pytest.approx(published, abs=MONTE_CARLO)


def test_signed_rank_posterior_gives_the_published_probabilities(accuracy):
    mean = {classifier: folds.mean(axis=1) for classifier, folds in accuracy.items()}
    found = signed_rank_posterior(mean["aode"] - mean["nbc"], rope=0.01)
    assert found == pytest.approx(BENAVOLI["bayes_signedrank_nbc_aode_rope001"], abs=MONTE_CARLO)
    for rope, published in BENAVOLI["bayes_signedrank_j48_j48gr"].items():
        found = signed_rank_posterior(mean["j48gr"] - mean["j48"], rope=float(rope))
        assert found == pytest.approx(published, abs=MONTE_CARLO)
    found = signed_rank_posterior(mean["j48"] - mean["nbc"], rope=0.01)
    published = BENAVOLI["baycomp_docs_nbc_j48_rope1_percent"]["SignedRank"]
    assert found == pytest.approx(published, abs=MONTE_CARLO)


def test_the_integrated_sign_posterior_agrees_with_sampled_weights():
    d = [0.03] * 4 + [0.0] * 2 + [-0.03] * 3
    drawn = np.random.default_rng(0).dirichlet([3, 3, 4], 40_000).argmax(axis=1)
    expected = np.bincount(drawn) / 40_000
    assert sign_posterior(d, rope=0.01) == pytest.approx(expected, abs=MONTE_CARLO)


@pytest.mark.parametrize("posterior", [sign_posterior, signed_rank_posterior])
def test_posteriors_mirror_and_count_a_difference_of_exactly_the_rope_as_equal(posterior):
    d = np.array([0.03, 0.02, 0.04, 0.02, 0.0, 0.03, -0.02])
    left, rope, right = posterior(d, rope=0.01)
    assert posterior(-d, rope=0.01) == pytest.approx((right, rope, left), abs=1e-9)
    assert sum((left, rope, right)) == pytest.approx(1)
    assert posterior([0.92 - 0.91] * 8, rope=0.01) == pytest.approx((0, 1, 0))


def test_draws_do_not_depend_on_the_global_generator():
    d = np.linspace(-0.02, 0.04, 9)
    first = signed_rank_posterior(d, rope=0.01)
    np.random.seed(3)
    assert signed_rank_posterior(d, rope=0.01) == first
    assert signed_rank_posterior(d, rope=0.01, seed=1) != first


@pytest.mark.parametrize("judge", [signed_rank, lambda d: friedman([[x, 0.0, 1.0] for x in d])])
def test_five_data_sets_are_refused(judge):
    with pytest.raises(TooFewReplicates) as caught:
        judge([0.1, 0.2, 0.3, 0.4, 0.5])
    assert str(caught.value) == (
        "5 data sets given, at least 6 needed to judge a method over data sets. "
        "Add data sets, or judge each by itself."
    )


def test_a_table_of_two_methods_is_refused():
    with pytest.raises(UsageError) as caught:
        friedman([[0.1, 0.2]] * 6)
    assert str(caught.value) == (
        "scores must have a row for each data set and a column for each of 3 or more methods, "
        "not shape (6, 2). For two methods use signed_rank."
    )


@pytest.mark.parametrize("rope", [-0.1, float("nan"), float("inf")])
def test_a_rope_that_cannot_be_is_refused(rope):
    with pytest.raises(UsageError) as caught:
        sign_posterior([0.1] * 6, rope=rope)
    assert str(caught.value) == (
        f"rope must be 0 or more, in score units, not {rope}. "
        f"Declare the largest difference that does not matter."
    )
