"""Comparisons over tasks: which method, and whether its intervals hold."""

import numpy as np
import pytest
from scipy import stats

from repro.errors import TooFewReplicates
from repro.stats.decision import decide
from repro.stats.task_comparison import IqmEstimate, SignedRankEstimate, compare_tasks
from repro.stats.tasks import iqm_difference

GAINS = (0.02, 0.01, 0.035, -0.004, 0.05, 0.04, 0.012, 0.021)


def tasks(*gains: float, n_runs: int = 1) -> dict[str, list[float]]:
    return {
        f"task {at}": [0.5 + at / 20 + gain + run / 1000 for run in range(n_runs)]
        for at, gain in enumerate(gains)
    }


def test_the_interval_excludes_zero_where_the_signed_rank_test_rejects() -> None:
    estimate = SignedRankEstimate(GAINS)
    p = stats.wilcoxon(GAINS, method="exact").pvalue
    assert estimate.p_value == pytest.approx(p)
    assert estimate.interval(1 - p * 1.001).low > 0 or p > 0.05
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99):
        assert (estimate.interval(confidence).low > 0) == (p <= 1 - confidence)


def test_the_interval_is_that_of_r() -> None:
    # R: wilcox.test(c(.02,.01,.035,-.004,.05,.04,.012,.021), conf.int=TRUE) takes the Walsh
    # averages of rank 4 and 33 of 36 at 95 %: qsignrank(.025, 8) is 4.
    d = np.array(GAINS)
    walsh = np.sort([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    assert SignedRankEstimate(GAINS).interval(0.95) == pytest.approx((walsh[3], walsh[-4]))
    # and its (pseudo)median, their median, .02275; the mean is .023
    assert SignedRankEstimate(GAINS).mean == pytest.approx(np.median(walsh), abs=1e-9)


# scipy.stats.wilcoxon(d - gain, alternative="greater", method="exact") rejects all below the bound
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
def test_the_lower_bound_is_that_of_the_one_sided_test(confidence: float) -> None:
    bound = SignedRankEstimate(GAINS).lower_bound(confidence)
    below, above = (
        stats.wilcoxon(np.array(GAINS) - bound + at, alternative="greater", method="exact").pvalue
        for at in (1e-7, -1e-7)
    )
    assert below <= 1 - confidence < above


def test_the_lower_bound_of_interquartile_means_leaves_out_one_tail_only() -> None:
    rng = np.random.default_rng(0)
    arms = [{f"task {at}": rng.normal(size=5).tolist() for at in range(5)} for _ in range(2)]
    estimate = IqmEstimate(*arms)
    assert estimate.lower_bound(0.95) == estimate.interval(0.9).low > estimate.interval(0.95).low
    assert estimate.interval(0.9) == iqm_difference(*arms, confidence=0.9).interval


def test_a_p_of_exactly_alpha_leaves_zero_out() -> None:
    all_gain = SignedRankEstimate((0.01, 0.02, 0.03, 0.04, 0.05, 0.06))
    assert all_gain.p_value == 2 / 2**6
    assert all_gain.interval(1 - 2 / 2**6).low == 0.01


def test_few_tasks_reach_no_high_confidence() -> None:
    assert SignedRankEstimate(GAINS[:6]).interval(0.99) == (-np.inf, np.inf)


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for n in (6, 8):
        drawn = [SignedRankEstimate(tuple(d)).interval() for d in rng.normal(size=(2_000, n))]
        missed = np.mean([not low <= 0 <= high for low, high in drawn])
        assert missed == pytest.approx(2 / 2**n * {6: 1, 8: 5}[n], abs=0.012)


def test_one_number_a_task_is_compared_by_ranks_and_a_table_of_runs_by_iqm() -> None:
    ranks = compare_tasks(tasks(*[0.0] * 8), tasks(*GAINS), higher_is_better=True)
    assert (ranks.method, ranks.kind, ranks.n_pairs) == ("signed ranks", "task", 8)
    assert decide("improve", ranks) == "BETTER"
    strict = compare_tasks(tasks(*[0.0] * 8), tasks(*GAINS), higher_is_better=True, alpha=0.01)
    assert strict.interval == ranks.estimate.interval(0.99)
    table = compare_tasks(
        tasks(*[0.0] * 6, n_runs=5), tasks(*[0.1] * 6, n_runs=5), higher_is_better=True
    )
    assert table.method == "interquartile mean"
    assert table.difference == pytest.approx(0.1)
    assert decide("improve", table) == "BETTER"


def test_a_loss_is_turned_round() -> None:
    up = compare_tasks(tasks(*[0.0] * 8), tasks(*GAINS), higher_is_better=True)
    down = compare_tasks(tasks(*GAINS), tasks(*[0.0] * 8), higher_is_better=False)
    assert down.interval == pytest.approx(up.interval)


def test_five_tasks_with_one_run_are_too_few() -> None:
    with pytest.raises(TooFewReplicates, match=r"^tasks that both arms have: 5; it takes 6, or 5 "):
        compare_tasks(tasks(*[0.0] * 5), tasks(*GAINS[:5]), higher_is_better=True)


def test_the_interval_agrees_with_the_printed_p_on_tied_and_equal_scores() -> None:
    b = (0.70, 0.86, 0.63, 0.67, 0.72, 0.94, 0.75, 0.88)
    c = (0.72, 0.87, 0.64, 0.67, 0.73, 0.93, 0.76, 0.90)
    arms = [{f"task {at}": [score] for at, score in enumerate(arm)} for arm in (b, c)]
    tied = compare_tasks(*arms, higher_is_better=True)
    assert tied.p_value is not None
    assert (tied.interval.low > 0) == (tied.p_value <= 0.05)
    rng = np.random.default_rng(1)
    for _ in range(100):
        estimate = SignedRankEstimate(tuple(rng.integers(-3, 5, size=8) / 100))
        if estimate.has_spread and estimate.interval().low > 0:
            assert estimate.p_value <= 0.05


def test_an_order_of_summing_is_no_gain() -> None:
    scores = [0.1, 0.2, 0.3]
    baseline = {f"task {at}": scores for at in range(6)}
    candidate = {**baseline, "task 0": scores[::-1]}
    found = compare_tasks(baseline, candidate, higher_is_better=True)
    assert (found.difference, decide("improve", found)) == (0.0, "INCONCLUSIVE")


def test_a_mean_that_a_few_tasks_make_is_told() -> None:
    gains = (-0.01, -0.02, -0.01, -0.02, 0.5, 0.6, 0.0)
    found = compare_tasks(tasks(*[0.0] * 7), tasks(*gains), higher_is_better=True)
    assert found.notes[1:] == (
        "on average the candidate gains, but in 4 of 7 tasks it loses: a few tasks make the mean",
    )
    loss = compare_tasks(tasks(*gains), tasks(*[0.0] * 7), higher_is_better=True)
    assert loss.notes[1].startswith("on average the candidate loses, but in 4 of 7 tasks it gains")
    even = compare_tasks(tasks(*[0.0] * 6), tasks(*gains[1:]), higher_is_better=True)
    assert len(even.notes) == 1
