"""Rules about where and how a run was made: source, environment, determinism, statistics."""

from dataclasses import replace

import pytest
from fake_history import CLAIM, tracked

from repro.audit.case import Rerun, Reruns
from repro.audit.example import example_comparison
from repro.audit.rule import NotApplicable, Severity
from repro.audit.rules.determinism import rerun_differs, seed_missing
from repro.audit.rules.environment import framework_differs
from repro.audit.rules.source import dirty_no_diff
from repro.audit.rules.statistics import too_few_seeds, within_noise
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Environment, Package
from repro.facts.fact import Absent
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.scores import Scores
from repro.record import Arms


def test_a_dirty_tree_without_a_patch_is_an_error() -> None:
    (found,) = dirty_no_diff.check.check(CODE.but(is_dirty=True, n_modified=2, n_untracked=1))
    assert (found.message, found.severity) == (
        "2 modified and 1 untracked files, and no patch was kept",
        None,
    )


def test_a_patch_that_leaves_files_out_is_a_warning() -> None:
    code = CODE.but(is_dirty=True, patch="code/ab.patch", skipped=("weights.pt",))
    (found,) = dirty_no_diff.check.check(code)
    assert (found.message, found.severity) == (
        "too large for the patch: weights.pt",
        Severity.WARNING,
    )


def environment(**versions: str) -> Environment:
    imported = tuple(
        Package(name=name.replace("_", "-"), version=version) for name, version in versions.items()
    )
    return ENVIRONMENT.but(imported=imported)


@pytest.mark.parametrize(
    ("left", "right", "message", "severity"),
    [
        ({"torch": "2.13.0"}, {"torch": "2.13.1"}, "torch 2.13.0 | 2.13.1", Severity.WARNING),
        ({"torch": "2.13.0"}, {"torch": "2.12.0"}, "torch 2.13.0 | 2.12.0", Severity.ERROR),
        (
            {"scikit_learn": "1.9.1"},
            {"scikit_learn": "1.8.1"},
            "scikit-learn 1.9.1 | 1.8.1",
            Severity.ERROR,
        ),
        (
            {},
            {"xgboost": "3.1.0"},
            "xgboost not imported | 3.1.0",
            Severity.WARNING,
        ),
    ],
)
def test_another_minor_release_is_an_error_and_another_patch_a_warning(
    left: dict[str, str], right: dict[str, str], message: str, severity: Severity
) -> None:
    arms = Arms.of(environment(**left), environment(**right))
    (found,) = framework_differs.check.check(CLAIM, arms)
    assert (found.message, found.severity) == (message, severity)


def test_versions_may_not_change_inside_an_arm_either() -> None:
    old, new = environment(torch="2.12.0"), environment(torch="2.13.0")
    (found,) = framework_differs.check.check(CLAIM, Arms((old, new), (new,), ()))
    assert found.message == "torch 2.12.0, 2.13.0 | 2.13.0"


def test_an_upgrade_may_be_the_treatment() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("environment.torch",)})
    arms = Arms.of(environment(torch="2.12.0"), environment(torch="2.13.0"))
    assert list(framework_differs.check.check(claim, arms)) == []


def test_other_packages_are_left_to_another_rule() -> None:
    arms = Arms.of(environment(rich="14.0"), environment(rich="15.0"))
    assert list(framework_differs.check.check(CLAIM, arms)) == []


def test_a_run_without_a_seed_is_reported() -> None:
    (found,) = seed_missing.check.check(DETERMINISM.but(seed=None, seed_source="none"))
    assert found.message == "nothing was seeded"
    assert list(seed_missing.check.check(DETERMINISM.but(seed=0))) == []


def rerun(**changes: object) -> Reruns:
    """A run with the accuracy 0.91, repeated with 0.93; the first one has these facts."""
    old = tracked(1, 0, 0.91)
    old = replace(old, facts={**old.facts, **changes})
    return Reruns((Rerun("baseline", kept=tracked(2, 0, 0.93), superseded=old),))


def test_a_repetition_with_another_score_is_named_with_both_runs() -> None:
    (found,) = rerun_differs.check.check(CLAIM, rerun())
    assert found.message == (
        "baseline seed 0 fold 0: test/accuracy was 0.91 in run 00000001 and is 0.93 in run "
        "00000002, of one configuration"
    )


def test_an_older_run_of_another_configuration_is_not_left_out_in_silence() -> None:
    (found,) = rerun_differs.check.check(CLAIM, rerun(batching=BATCHING.but(shuffle=False)))
    assert found.message == (
        "baseline seed 0 fold 0: the older run 00000001 was left out; "
        "it has another configuration: batching.shuffle"
    )


def test_more_than_three_settings_of_an_older_run_are_counted() -> None:
    other = BATCHING.but(shuffle=False, micro=7, accumulation=2, drop_last=True)
    (found,) = rerun_differs.check.check(CLAIM, rerun(batching=other))
    assert found.message.endswith(
        "batching.accumulation, batching.drop_last, batching.micro and 1 more"
    )


def test_an_older_run_without_a_score_says_nothing_about_repetition() -> None:
    claim = CLAIM.model_copy(update={"metric": "train/loss"})  # which the newer one logged
    silent = tracked(1, 0, 0.93).find(Scores).but(logged=())
    assert list(rerun_differs.check.check(claim, rerun(scores=silent))) == []


def test_a_run_that_failed_says_nothing_about_repetition() -> None:
    assert list(rerun_differs.check.check(CLAIM, rerun(outcome=OUTCOME.but(status="FAILED")))) == []


def test_fewer_replicates_than_declared_are_counted() -> None:
    comparison = example_comparison(n_pairs=3, difference=0.1, standard_error=0.01)
    (found,) = too_few_seeds.check.check(CLAIM, comparison)
    assert (found.message, found.fix) == (
        "3 seeds in both arms; the claim asks for 5",
        "run 2 more in both arms",
    )


def test_as_many_replicates_as_declared_are_enough() -> None:
    comparison = example_comparison(n_pairs=5, difference=0.1, standard_error=0.01)
    assert list(too_few_seeds.check.check(CLAIM, comparison)) == []


def test_arms_that_could_not_be_compared_have_too_few() -> None:
    absent = Absent(reason="nothing in common", kind="not_applicable")
    (found,) = too_few_seeds.check.check(CLAIM, absent)
    assert (found.message, found.fix) == ("nothing in common", "run 5 seeds in both arms")


def test_an_interval_that_holds_zero_is_named() -> None:
    comparison = example_comparison(n_pairs=5, difference=0.01, standard_error=0.01)
    (found,) = within_noise.check.check(CLAIM, comparison)
    assert found.message == "the 95 % interval of the difference, -0.0178 to 0.0378, holds 0"


def test_a_goal_that_claims_no_difference_needs_none() -> None:
    claim = CLAIM.model_copy(update={"goal": "equivalent", "margin": 0.1})
    comparison = example_comparison(n_pairs=5, difference=0.01, standard_error=0.01)
    assert list(within_noise.check.check(claim, comparison)) == [
        NotApplicable("goal 'equivalent' does not claim a difference")
    ]


def test_seeds_that_change_no_score_are_to_be_replaced_by_folds() -> None:
    comparison = replace(
        example_comparison(n_pairs=5, difference=0.1, standard_error=0.0), scores_vary=False
    )
    (found,) = too_few_seeds.check.check(CLAIM, comparison)
    assert (found.message, found.fix) == (
        "5 seeds gave one score in each arm: they are one run repeated; the claim asks for 5",
        "the seed changes nothing: replicate over folds",
    )


def test_differences_without_any_spread_measure_no_noise() -> None:
    comparison = example_comparison(n_pairs=5, difference=0.1, standard_error=0.0)
    (found,) = within_noise.check.check(CLAIM, comparison)
    assert found.message == "every pair differs by 0.1: no noise was measured that it could exceed"
