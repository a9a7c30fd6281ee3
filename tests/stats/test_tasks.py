import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.errors import TooFewReplicates, UsageError
from repro.stats import tasks
from repro.stats.tasks import (
    iqm,
    iqm_difference,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)

# rliable's tests/rliable/metrics_test.py; its tables are runs x tasks.
UNIT = json.loads((Path(__file__).parent / "reference" / "rliable_expected.json").read_text())[
    "unit"
]


def by_task(runs_by_tasks):
    return {f"task {i}": column for i, column in enumerate(np.transpose(runs_by_tasks))}


def arm(seed, *, n_tasks=5, n_runs=5, shift=0.0):
    table = np.random.default_rng(seed).normal(shift, 1.0, (n_runs, n_tasks))
    return by_task(table + 3 * np.arange(n_tasks))


def test_iqm_gives_the_values_of_rliable():
    assert float(iqm(np.transpose(UNIT["x"]))) == UNIT["x_iqm"]
    assert float(iqm(np.transpose(UNIT["y"]))) == UNIT["y_iqm"]


def test_probability_of_improvement_gives_the_value_of_rliable():
    share = probability_of_improvement(by_task(UNIT["y"]), by_task(UNIT["x"]))
    assert share == pytest.approx(UNIT["prob_improvement_x_over_y"], abs=1e-15)


# scipy.stats.trim_mean(scores.flatten(), 0.25): what rliable's aggregate_iqm calls.
@pytest.mark.parametrize("shape", [(5, 5), (3, 1), (26, 7), (1, 1)])
def test_iqm_agrees_with_the_trimmed_mean_of_scipy(shape):
    scores = np.random.default_rng(1).exponential(size=(4, *shape))
    expected = [scipy_stats.trim_mean(table.flatten(), 0.25) for table in scores]
    assert iqm(scores) == pytest.approx(expected, rel=1e-14)


def test_probability_of_improvement_agrees_with_mann_whitney():
    b, c = arm(0, n_runs=6), arm(1, n_runs=9, shift=0.5)
    u = [scipy_stats.mannwhitneyu(c[task], b[task]).statistic / 54 for task in b]
    assert probability_of_improvement(b, c) == pytest.approx(np.mean(u))


def test_a_resample_never_mixes_tasks():
    constant = {f"task {i}": [float(i)] * 5 for i in range(6)}
    drawn = stratified_bootstrap(constant, lambda t: t.sum(axis=(1, 2)), n_resamples=7)
    assert drawn.tolist() == [75.0] * 7


# Var of a mean over tasks of n drawn runs: sum over tasks of the population variance / n / T^2.
def test_the_spread_of_resampled_means_is_that_of_the_formula():
    scores = arm(3)
    drawn = stratified_bootstrap(scores, lambda t: t.mean(axis=(1, 2)), n_resamples=20_000)
    formula = np.mean([np.var(runs) for runs in scores.values()]) / 25
    assert np.var(drawn) == pytest.approx(formula, rel=0.05)
    assert np.mean(drawn) == pytest.approx(np.mean(list(scores.values())), abs=0.01)


def test_the_same_seed_gives_the_same_interval_whatever_the_global_generator():
    first = iqm_difference(arm(0), arm(1))
    np.random.seed(5)
    state = np.random.get_state()[1].tolist()
    assert iqm_difference(arm(0), arm(1)) == first
    assert iqm_difference(arm(0), arm(1), seed=1).interval != first.interval
    assert np.random.get_state()[1].tolist() == state


def test_blocks_do_not_change_which_statistic_is_taken(monkeypatch):
    whole = stratified_bootstrap(arm(0), iqm, n_resamples=50)
    monkeypatch.setattr(tasks, "_BLOCK", 25 * 7)
    in_blocks = stratified_bootstrap(arm(0), iqm, n_resamples=50)
    assert in_blocks == pytest.approx(whole)


def test_the_interval_is_wider_than_the_plain_percentile_interval():
    b, c = arm(0), arm(1)
    plain = np.quantile(
        stratified_bootstrap(c, iqm, seed=1) - stratified_bootstrap(b, iqm, seed=2), [0.025, 0.975]
    )
    expanded = iqm_difference(b, c).interval
    # sqrt(5/4) * t(40, .975) / 1.96 = 1.153
    assert (expanded.high - expanded.low) / np.ptp(plain) == pytest.approx(1.153, abs=0.06)


# Hesterberg 2015, section 4.3: Phi(-sqrt(n / (n - 1)) t), n of the smaller arm, which errs wider.
def test_the_smaller_arm_sets_the_expansion():
    t = scipy_stats.t.ppf(0.975, 5 * (5 + 8 - 2))
    expected = pytest.approx(scipy_stats.norm.cdf(-((5 / 4) ** 0.5) * t))
    assert tasks._expanded_tail(5, 5, 8, 0.95) == tasks._expanded_tail(5, 8, 5, 0.95) == expected


def test_the_order_of_tasks_does_not_matter():
    b, c = arm(0), arm(1)
    turned = dict(reversed(c.items()))
    assert iqm_difference(b, turned) == iqm_difference(b, c)


def test_a_task_with_constant_scores_is_no_error():
    b, c = arm(0), arm(1)
    b["task 0"] = c["task 0"] = [1.0] * 5
    assert iqm_difference(b, c).n_tasks == 5


def test_the_profile_counts_runs_above_and_averages_over_tasks():
    scores = {"a": [0.1, 0.5, 0.5], "b": [0.9]}
    assert performance_profile(scores, [0.0, 0.5, 0.9]).tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize(("n_tasks", "n_runs"), [(4, 9), (9, 4)])
def test_too_few_tasks_or_runs_are_refused_with_their_numbers(n_tasks, n_runs):
    few, enough = arm(0, n_tasks=n_tasks, n_runs=n_runs), arm(1, n_tasks=n_tasks, n_runs=9)
    with pytest.raises(TooFewReplicates) as caught:
        iqm_difference(few, enough)
    assert str(caught.value) == (
        f"baseline: {n_tasks} tasks with {n_runs} runs each; a bootstrap over tasks needs at "
        f"least 5 with 5. Run more, or judge each task by itself."
    )
    with pytest.raises(TooFewReplicates):
        stratified_bootstrap(few, iqm)


def test_arms_may_have_other_numbers_of_runs_but_not_other_tasks():
    assert iqm_difference(arm(0), arm(1, n_runs=8)).n_runs == 5
    with pytest.raises(UsageError) as caught:
        iqm_difference(arm(0), arm(1, n_tasks=6))
    assert str(caught.value) == (
        "only one arm ran: task 5. Run both arms on the same tasks, or leave these out of both."
    )


def test_a_task_with_more_runs_than_another_is_refused():
    uneven = arm(0) | {"task 2": [1.0] * 7}
    with pytest.raises(UsageError) as caught:
        iqm_difference(arm(0), uneven)
    assert str(caught.value) == (
        "candidate has 7 runs of task 'task 2' but 5 of 'task 0', so the pooled mean would lean "
        "towards 'task 2'. Run every task equally often."
    )


def test_no_resamples_are_refused():
    with pytest.raises(UsageError) as caught:
        stratified_bootstrap(arm(0), iqm, n_resamples=0)
    assert str(caught.value) == "n_resamples must be 1 or more, such as 2000, not 0."


@pytest.mark.parametrize(
    "judge",
    [
        lambda: iqm_difference({}, {}),
        lambda: probability_of_improvement({}, {}),
        lambda: performance_profile({}, [0.5]),
    ],
)
def test_no_task_at_all_is_refused(judge):
    with pytest.raises(TooFewReplicates) as caught:
        judge()
    assert str(caught.value) == "no task was given; a mean over tasks needs at least 1."
