import math
from dataclasses import replace

import pytest

from repro.errors import UsageError
from repro.stats.comparison import compare
from repro.stats.decision import decide, guard_outcome
from repro.stats.estimate import Estimate

# t(9): .95 quantile 1.833, .975 quantile 2.262. With a standard error of 1 the intervals of a
# difference d are d -+ 2.262 (95 %), d -+ 1.833 (90 %) and the one-sided bound d - 1.833.
TEN = compare(
    {seed: float(seed) for seed in range(10)},
    {seed: seed + 0.1 * (seed % 2) for seed in range(10)},
    higher_is_better=True,
    kind="seed",
)


def comparison(difference, *, standard_error=1.0, n_pairs=10):
    estimate = Estimate(difference, standard_error, df=9, n=10)
    return replace(TEN, estimate=estimate, n_pairs=n_pairs)


@pytest.mark.parametrize(
    ("goal", "margin", "difference", "verdict"),
    [
        ("improve", None, 2.27, "BETTER"),
        ("improve", None, 2.25, "INCONCLUSIVE"),
        ("improve", None, -2.25, "INCONCLUSIVE"),
        ("improve", None, -2.27, "WORSE"),
        ("no-regression", 1.0, 0.84, "NO_REGRESSION"),
        ("no-regression", 1.0, 0.83, "INCONCLUSIVE"),
        ("no-regression", 1.0, -3.26, "INCONCLUSIVE"),
        ("no-regression", 1.0, -3.27, "WORSE"),
        ("no-regression", 1.0, 9.0, "NO_REGRESSION"),
        ("no-regression", 0.0, 1.84, "NO_REGRESSION"),
        ("equivalent", 2.0, 0.16, "EQUIVALENT"),
        ("equivalent", 2.0, 0.17, "INCONCLUSIVE"),
        ("equivalent", 2.0, -0.16, "EQUIVALENT"),
        ("equivalent", 2.0, -0.17, "INCONCLUSIVE"),
        ("equivalent", 2.0, 4.27, "BETTER"),
        ("equivalent", 2.0, 4.26, "INCONCLUSIVE"),
        ("equivalent", 2.0, -4.26, "INCONCLUSIVE"),
        ("equivalent", 2.0, -4.27, "WORSE"),
    ],
)
def test_the_verdict_follows_the_table_on_both_sides_of_every_limit(
    goal, margin, difference, verdict
):
    assert decide(goal, comparison(difference), margin=margin) == verdict


def test_a_difference_exactly_on_the_limit_decides_nothing():
    exact = comparison(0.0, standard_error=0.0)
    assert decide("improve", exact) == "INCONCLUSIVE"
    assert decide("no-regression", exact, margin=0.0) == "INCONCLUSIVE"
    for difference in (-0.25, 0.25):
        on_limit = comparison(difference, standard_error=0.0)
        assert decide("equivalent", on_limit, margin=0.25) == "INCONCLUSIVE"


def test_identical_scores_of_varying_seeds_show_equivalence():
    scores = {seed: 0.9 + seed / 100 for seed in range(5)}
    same = compare(scores, dict(scores), higher_is_better=True, kind="seed")
    assert decide("equivalent", same, margin=0.01) == "EQUIVALENT"
    assert decide("no-regression", same, margin=0.01) == "NO_REGRESSION"
    assert decide("improve", same) == "INCONCLUSIVE"


@pytest.mark.parametrize("goal", ["improve", "no-regression", "equivalent"])
def test_too_few_replicates_decide_nothing(goal):
    for difference in (-100.0, 0.0, 100.0):
        few = comparison(difference, n_pairs=4)
        assert decide(goal, few, margin=5.0) == "INCONCLUSIVE"
    assert decide("improve", few, min_replicates=4) == "BETTER"
    assert decide("improve", comparison(100.0), min_replicates=11) == "INCONCLUSIVE"


def test_a_deterministic_learner_run_five_times_decides_nothing():
    copies = compare(
        dict.fromkeys(range(5), 0.90),
        dict.fromkeys(range(5), 0.95),
        higher_is_better=True,
        kind="seed",
    )
    assert decide("improve", copies) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("difference", "guards", "verdict"),
    [
        (9.0, [], "BETTER"),
        (9.0, ["safe", "safe"], "BETTER"),
        (9.0, ["safe", "unclear"], "INCONCLUSIVE"),
        (9.0, ["unclear", "worse"], "WORSE"),
        (0.0, ["worse"], "WORSE"),
        (-9.0, ["safe"], "WORSE"),
        (-9.0, ["unclear"], "WORSE"),
    ],
)
def test_guards_can_only_take_away(difference, guards, verdict):
    assert decide("improve", comparison(difference), guards=guards) == verdict


def test_a_guard_shown_worse_counts_although_the_primary_has_too_few_replicates():
    assert decide("improve", comparison(9.0, n_pairs=2), guards=["worse"]) == "WORSE"


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [(0.84, "safe"), (0.83, "unclear"), (-3.26, "unclear"), (-3.27, "worse")],
)
def test_a_guard_is_safe_or_worse_only_when_shown(difference, outcome):
    assert guard_outcome(comparison(difference), 1.0) == outcome


def test_a_guard_with_too_few_replicates_is_unclear():
    assert guard_outcome(comparison(9.0, n_pairs=4), 1.0) == "unclear"
    assert guard_outcome(comparison(9.0, n_pairs=4), 1.0, min_replicates=4) == "safe"


@pytest.mark.parametrize("goal", ["no-regression", "equivalent"])
@pytest.mark.parametrize("margin", [None, -0.1, math.inf, math.nan])
@pytest.mark.parametrize("n_pairs", [2, 10])
def test_a_goal_without_a_usable_margin_is_refused(goal, margin, n_pairs):
    with pytest.raises(UsageError) as caught:
        decide(goal, comparison(0.0, n_pairs=n_pairs), margin=margin)
    assert str(caught.value) == (
        f"goal '{goal}' needs a margin of 0 or more, in score units, not {margin}. "
        f"Declare the largest loss that does not matter."
    )


@pytest.mark.parametrize("difference", [0.1, -0.1])
@pytest.mark.parametrize("goal", ["improve", "no-regression", "equivalent"])
def test_an_interval_without_width_shows_no_gain_no_loss_and_no_equality(goal, difference):
    exact = comparison(difference, standard_error=0.0)
    assert decide(goal, exact, margin=1.0) == "INCONCLUSIVE"
    assert decide(goal, exact, margin=0.01) == "INCONCLUSIVE"


def test_unpaired_arms_count_the_runs_of_the_smaller_one():
    def arms(n_baseline, n_candidate):
        return compare(
            {seed: 0.5 + seed / 1000 for seed in range(n_baseline)},
            {seed: 0.9 + seed / 1000 for seed in range(10, 10 + n_candidate)},
            higher_is_better=True,
            kind="seed",
        )

    assert decide("improve", arms(5, 6)) == "BETTER"
    assert decide("improve", arms(4, 6)) == "INCONCLUSIVE"
