import json
import math
from pathlib import Path

import numpy as np
import pytest

from repro.errors import TooFewReplicates, UsageError
from repro.stats.comparison import compare
from repro.stats.estimate import Interval
from repro.stats.folds import corrected_t
from repro.stats.paired import paired_t, sign_flip_p
from repro.stats.power import seeds_needed, seeds_needed_unpaired
from repro.stats.probability import probability_better, probability_better_unpaired
from repro.stats.unpaired import permutation_p, welch_t

GOLDEN = json.loads((Path(__file__).parent / "reference" / "golden_paired5.json").read_text())
BASELINE = dict(zip(GOLDEN["seeds"], GOLDEN["baseline"], strict=True))
CANDIDATE = dict(zip(GOLDEN["seeds"], GOLDEN["candidate"], strict=True))


def compare_seeds(baseline, candidate, *, higher_is_better=True):
    return compare(baseline, candidate, higher_is_better=higher_is_better, kind="seed")


def compare_folds(baseline, candidate, ratio=0.25):
    return compare(baseline, candidate, higher_is_better=True, kind="fold", test_train_ratio=ratio)


def test_common_seeds_are_compared_by_the_paired_t():
    result = compare_seeds(BASELINE, CANDIDATE)
    assert result.method == "paired t"
    assert (result.n_pairs, result.n_baseline, result.n_candidate) == (5, 5, 5)
    assert result.difference == pytest.approx(GOLDEN["mean_diff"])
    assert result.candidate_mean - result.baseline_mean == pytest.approx(GOLDEN["mean_diff"])
    assert result.interval == pytest.approx(GOLDEN["ci95"])
    assert result.p_value == pytest.approx(GOLDEN["p_two_sided"])
    assert result.p_exact == GOLDEN["signflip_exact_two_sided"]
    assert result.correlation == pytest.approx(GOLDEN["pearson_r"])
    assert result.sd == pytest.approx(GOLDEN["sd_diff"])
    assert result.probability_better == probability_better([1.0] * 5)
    assert result.notes == (
        "paired t on the seeds that both arms have: chosen by design, not by the scores",
    )
    assert result.scope == "holds for this data and this split: only the seed was varied"


def test_the_narrower_intervals_lie_inside_the_wider_one():
    result = compare_seeds(BASELINE, CANDIDATE)
    assert result.interval.low < result.inner_interval.low < result.difference
    assert result.inner_interval.low == pytest.approx(result.lower_bound)


def test_a_smaller_alpha_moves_every_gate_and_the_number_of_seeds():
    result = compare(BASELINE, CANDIDATE, higher_is_better=True, kind="seed", alpha=0.01)
    estimate = result.estimate
    assert result.interval == estimate.interval(0.99)
    assert result.inner_interval == estimate.interval(0.98)
    assert result.lower_bound == estimate.lower_bound(0.99)
    assert result.replicates_needed(0.004) == seeds_needed(0.004, result.sd, confidence=0.99) == 16


def test_a_metric_to_be_minimised_is_the_mirror_image_of_one_to_be_maximised():
    up = compare_seeds(BASELINE, CANDIDATE)
    down = compare_seeds(CANDIDATE, BASELINE, higher_is_better=False)
    assert down.difference == pytest.approx(up.difference)
    assert down.interval == pytest.approx(up.interval)
    assert down.probability_better == up.probability_better
    assert down.correlation == pytest.approx(up.correlation)
    assert (down.baseline_mean, down.candidate_mean) == (up.candidate_mean, up.baseline_mean)


def test_unpaired_metrics_to_be_minimised_are_mirrored_too():
    other = {seed + 10: score for seed, score in CANDIDATE.items()}
    up = compare_seeds(BASELINE, other)
    down = compare_seeds(other, BASELINE, higher_is_better=False)
    assert down.difference == pytest.approx(up.difference)
    assert down.probability_better == up.probability_better


@pytest.mark.parametrize("offset", [0, 100])  # 100: no common seed
def test_the_order_of_the_runs_does_not_change_a_digit(offset):
    rng = np.random.default_rng(5)
    baseline = dict(enumerate(rng.normal(size=9)))
    candidate = {seed + offset: score for seed, score in enumerate(rng.normal(size=9))}
    expected = compare_seeds(baseline, candidate).estimate
    for _ in range(10):
        shuffled = {seed: baseline[seed] for seed in rng.permutation(9).tolist()}
        assert compare_seeds(shuffled, candidate).estimate == expected


def test_seeds_are_paired_by_key_and_missing_ones_are_listed():
    baseline = {0: 0.1, 1: 0.2, 2: 0.3, 8: 99.0}
    candidate = {9: -99.0, 2: 0.5, 0: 0.2, 1: 0.4}
    result = compare_seeds(baseline, candidate)
    assert result.interval == pytest.approx(paired_t([0.1, 0.2, 0.2]).interval(0.95))
    assert (result.n_pairs, result.n_baseline, result.n_candidate) == (3, 4, 4)
    assert result.missing_in_baseline == (9,)
    assert result.missing_in_candidate == (8,)
    assert result.baseline_mean == pytest.approx(0.2)
    assert result.n_replicates == 3


def test_arms_without_a_common_seed_are_compared_by_welch():
    other = {seed + 10: score for seed, score in list(CANDIDATE.items())[:4]}
    result = compare_seeds(BASELINE, other)
    b, c = sorted(BASELINE.values()), sorted(other.values())
    assert result.method == "Welch t"
    assert result.estimate == welch_t(b, c)
    assert result.p_exact == permutation_p(b, c)
    assert result.probability_better == probability_better_unpaired(b, c)
    assert result.correlation is None
    assert result.sd == pytest.approx(((np.var(b, ddof=1) + np.var(c, ddof=1)) / 2) ** 0.5)
    assert (result.n_pairs, result.n_replicates) == (0, 4)
    assert result.missing_in_candidate == tuple(BASELINE)
    assert result.notes == (
        "Welch t: no seed is common to both arms, so no difference between seeds cancels",
    )


def test_folds_are_compared_by_the_corrected_t_and_never_as_independent():
    result = compare_folds(BASELINE, CANDIDATE)
    d = np.sort(np.subtract(GOLDEN["candidate"], GOLDEN["baseline"]))
    expected = corrected_t(d, test_train_ratio=0.25)
    assert result.method == "Nadeau-Bengio corrected t"
    assert result.interval == pytest.approx(expected.interval(0.95))
    assert result.estimate.standard_error > 1.4 * paired_t(d).standard_error
    assert result.p_exact is None
    assert result.probability_better.share == 1.0
    assert result.probability_better.interval is None
    assert result.replicates_needed(0.005) is None
    assert result.notes == (
        "Nadeau-Bengio corrected t: folds share training rows, so they are not independent",
    )
    assert result.scope == "holds for this data: folds vary the split, not the data"


def test_a_replicate_key_may_be_anything_hashable():
    keys = [(repeat, fold) for repeat in range(2) for fold in range(2)]
    result = compare_folds(
        dict.fromkeys(keys, 0.5), dict(zip(keys, [0.6, 0.7, 0.5, 0.6], strict=True))
    )
    assert result.n_pairs == 4


def test_uncorrelated_arms_stay_paired_because_unpairing_would_narrow_the_interval():
    baseline = {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.93}
    candidate = {0: 0.96, 1: 0.95, 2: 0.96, 3: 0.93}
    result = compare_seeds(baseline, candidate)
    welch = welch_t(list(baseline.values()), list(candidate.values())).interval(0.95)
    assert result.method == "paired t"
    assert result.interval.low < welch.low
    assert welch.high < result.interval.high
    assert result.notes[2:] == (
        "the arms do not correlate over seeds (r = -0.73): pairing gained nothing; "
        "still paired, because unpairing after seeing the scores narrows the interval",
    )


def test_fewer_than_five_pairs_are_said_to_rest_on_the_normal_distribution():
    two = {0: 0.90, 1: 0.91}
    result = compare_seeds(two, {0: 0.92, 1: 0.94})
    assert result.notes[1] == (
        "2 pairs show no shape: the interval holds if their differences are normal; "
        "without that, no p of theirs is below 0.5"
    )
    assert result.p_exact == 0.5
    assert len(compare_folds(two, {0: 0.92, 1: 0.94}).notes) == 1


def test_seeds_that_change_no_score_are_one_replicate():
    result = compare_seeds(dict.fromkeys(range(5), 0.90), dict.fromkeys(range(5), 0.95))
    assert result.n_replicates == 1
    assert not result.scores_vary
    assert result.interval == pytest.approx((0.05, 0.05))
    assert (result.p_value, result.correlation) == (None, None)
    assert result.replicates_needed(0.01) is None
    assert result.notes[1:] == (
        "the seed changes no score of either arm: these runs are one run repeated; "
        "replicate over folds instead",
    )


def test_unpaired_seeds_that_change_no_score_are_one_replicate_too():
    assert compare_seeds({0: 0.9, 1: 0.9, 2: 0.9}, {3: 0.8, 4: 0.8}).n_replicates == 1


def test_one_deterministic_arm_does_not_make_the_other_ones_runs_copies():
    result = compare_seeds(dict.fromkeys(range(5), 0.9), CANDIDATE)
    assert result.n_replicates == 5
    assert len(result.notes) == 1


def test_varying_scores_with_equal_differences_are_replicates_and_said_to_have_no_width():
    result = compare_seeds(BASELINE, {seed: score + 0.25 for seed, score in BASELINE.items()})
    assert result.n_replicates == 5
    assert result.interval == pytest.approx(Interval(0.25, 0.25))
    assert result.notes[1:] == (
        "all differences are equal: intervals without width are no evidence of a gain",
    )


def test_folds_that_all_score_alike_are_still_replicates():
    assert (
        compare_folds(dict.fromkeys(range(5), 1.0), dict.fromkeys(range(5), 1.0)).n_replicates == 5
    )


def test_scores_that_differ_by_rounding_only_do_not_differ():
    baseline = {0: 0.3, 1: 0.6, 2: 0.7}
    candidate = {0: 0.1 + 0.2, 1: 0.1 + 0.5 + 1e-16, 2: 0.1 + 0.6}
    assert candidate[0] != baseline[0]
    result = compare_seeds(baseline, candidate)
    assert result.interval == (0.0, 0.0)
    assert result.p_value == 1.0
    assert result.probability_better.share == 0.5


def test_replicates_needed_answers_for_the_method_that_was_used():
    paired = compare_seeds(BASELINE, CANDIDATE)
    assert paired.replicates_needed(0.004) == seeds_needed(0.004, paired.sd) == 10
    unpaired = compare_seeds(BASELINE, {seed + 10: s for seed, s in CANDIDATE.items()})
    assert unpaired.replicates_needed(0.004) == seeds_needed_unpaired(0.004, unpaired.sd)


def test_more_than_sixteen_pairs_have_no_exact_p():
    scores = np.random.default_rng(3).normal(size=(2, 17))
    baseline, candidate = (dict(enumerate(row)) for row in scores.tolist())
    assert compare_seeds(baseline, candidate).p_exact is None
    del baseline[16]
    d = [candidate[seed] - baseline[seed] for seed in range(16)]
    assert compare_seeds(baseline, candidate).p_exact == sign_flip_p(d)


@pytest.mark.parametrize(
    ("baseline", "candidate", "kind", "counts"),
    [
        ({0: 0.9}, {0: 0.8}, "seed", "1, of 1 in baseline and 1 in candidate"),
        ({0: 0.9, 1: 0.9}, {1: 0.8, 2: 0.8}, "seed", "1, of 2 in baseline and 2 in candidate"),
        ({0: 0.9, 1: 0.9}, {2: 0.8}, "seed", "0, of 2 in baseline and 1 in candidate"),
        ({0: 0.9, 1: 0.9}, {2: 0.8, 3: 0.8}, "fold", "0, of 2 in baseline and 2 in candidate"),
        ({}, {}, "seed", "0, of 0 in baseline and 0 in candidate"),
    ],
)
def test_too_few_common_replicates_are_refused(baseline, candidate, kind, counts):
    ratio = 0.25 if kind == "fold" else None
    with pytest.raises(TooFewReplicates) as caught:
        compare(baseline, candidate, higher_is_better=True, kind=kind, test_train_ratio=ratio)
    assert str(caught.value) == (
        f"common {kind}s: {counts}; measuring noise takes at least 2. "
        f"Run both arms on the same {kind}s."
    )


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused_with_its_replicate(score):
    with pytest.raises(UsageError) as caught:
        compare_seeds(BASELINE, {**CANDIDATE, 3: score})
    assert str(caught.value) == (
        f"candidate scored {score} on replicate 3; a mean needs finite scores. "
        f"Repeat that run, or report it as failed."
    )
    with pytest.raises(UsageError, match=f"^baseline scored {score} on replicate 3; "):
        compare_seeds({**BASELINE, 3: score}, CANDIDATE)


def test_folds_without_a_ratio_are_refused():
    with pytest.raises(UsageError) as caught:
        compare_folds(BASELINE, CANDIDATE, ratio=None)
    assert str(caught.value) == (
        "folds share training rows, and the correction needs to know how many. "
        "Pass test_train_ratio = n_test / n_train, such as 0.25 for 5 folds."
    )


def test_seeds_with_a_ratio_are_refused():
    with pytest.raises(UsageError) as caught:
        compare(BASELINE, CANDIDATE, higher_is_better=True, kind="seed", test_train_ratio=0.25)
    assert str(caught.value) == (
        "test_train_ratio=0.25 is for folds, but the replicates are seeds. "
        "Pass kind='fold', or no ratio."
    )


# Why the method is chosen by design: the alternative, measured on arms that truly correlate at -.5.
@pytest.mark.slow
def test_switching_to_welch_when_the_arms_do_not_correlate_would_claim_too_often():
    draws = np.random.default_rng(11).normal(size=(1500, 2, 5))
    by_design, by_looking = [], []
    for b, noise in draws:
        c = -0.5 * b + 0.75**0.5 * noise
        result = compare_seeds(dict(enumerate(b)), dict(enumerate(c)))
        switched = welch_t(b, c) if result.correlation <= 0 else result.estimate
        by_design.append(result.p_value < 0.05)
        by_looking.append(switched.p_value < 0.05)
    within = 4 * (0.05 * 0.95 / len(draws)) ** 0.5  # four Monte-Carlo standard errors
    assert np.mean(by_design) == pytest.approx(0.05, abs=within)
    assert np.mean(by_looking) > 0.05 + within


@pytest.mark.parametrize("min_effect", [1e-300, 1e-12, math.inf])
def test_an_effect_that_no_feasible_number_of_seeds_shows_asks_for_none(min_effect):
    c = compare(
        {0: 0.1, 1: 0.3, 2: 0.2}, {0: 0.9, 1: 0.2, 2: 0.3}, higher_is_better=True, kind="seed"
    )
    assert c.replicates_needed(min_effect) is None
