"""Rules that read the whole experiment: what was launched, tried, looked at and left out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_history import (
    ADAMW,
    BASELINE,
    CANDIDATE,
    CLAIM,
    POLICY,
    FakeHistory,
    failures,
    launched,
    outcome,
    score,
    seeds,
    sgd_and_adamw,
    tracked,
)

from repro.audit.finding import Finding, Outcome
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict
from repro.claims import Budget
from repro.facts.code import EXAMPLE as CODE
from repro.facts.fact import Fact
from repro.facts.fit_scope import EXAMPLE as SCOPE
from repro.facts.fit_scope import FitScope, Seen
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.split import EXAMPLE as SPLIT
from repro.history import INFRA, LOOKS, Launch
from repro.judge import judge
from repro.record import RunRecord

EVERY = POLICY.model_copy(update={"preview": True})


def history(*others: Launch) -> FakeHistory:
    """Five seeds of each optimizer, and runs that no filter finds."""
    return replace(sgd_and_adamw(), others=others)


def adamw(number: int, seed: int | None, *facts: Fact, accuracy: float = 0.9) -> RunRecord:
    return tracked(number, seed, accuracy, *ADAMW, *facts)


def found(rule: str, *others: Launch, policy=POLICY, claim=CLAIM) -> Finding:
    return outcome(judge(claim, history(*others), policy), rule)


def failed(seed: int | None, **tags: str) -> Launch:
    run = launched(adamw(200, seed), status="FAILED")
    return replace(run, tags={**run.tags, **tags})


def test_a_failed_seed_whose_worst_score_changes_nothing_is_a_warning() -> None:
    runs = sgd_and_adamw(candidate=(0.98, 0.99, 0.985, 0.98, 0.99))
    told = outcome(judge(CLAIM, replace(runs, others=(failed(7),)), POLICY), "failed-runs-missing")
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)
    assert told.message == (
        "candidate: 1 run of its configuration did not finish and is left out: 000000c8 FAILED"
    )


def test_a_failed_seed_whose_worst_score_would_change_the_verdict_is_an_error() -> None:
    runs = sgd_and_adamw(candidate=CANDIDATE[:4])
    four = CLAIM.model_copy(update={"replicates": 4})
    told = outcome(judge(four, replace(runs, others=(failed(4),)), POLICY), "failed-runs-missing")
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.ERROR)


@pytest.mark.parametrize(
    "other",
    [
        failed(3),  # was repeated
        launched(adamw(200, 7, CODE.but(modules=(), tree="other")), status="FAILED"),
        launched(tracked(200, 7, 0.9, SGD.but(name="RMSprop"), ADAMW[1]), status="KILLED"),
    ],
    ids=["repeated", "other code", "other treatment"],
)
def test_a_failed_run_that_is_no_missing_replicate_is_silent(other: Launch) -> None:
    assert found("failed-runs-missing", other).outcome is Outcome.PASS


def test_what_excuses_a_failed_run_is_printed() -> None:
    told = found("failed-runs-missing", failed(7, **{INFRA: "node lost"}))
    assert (told.severity, told.message) == (
        Severity.NOTE,
        "candidate: 1 run is left out as lost to the machine: 000000c8 FAILED (node lost)",
    )


def test_a_run_that_broke_off_early_belongs_to_an_arm_by_what_it_has() -> None:
    early = launched(adamw(200, 7), status="KILLED")
    kept = {name: value for name, value in early.setup.items() if name in ("code", "params")}
    tags = {**early.tags, "repro.setup": str(kept).replace("'", '"')}
    told = found("failed-runs-missing", replace(early, tags=tags))
    assert told.outcome is Outcome.FAIL


def test_a_finished_seed_that_is_left_out_is_an_error_deleted_or_not() -> None:
    told = found(
        "seed-selection", launched(adamw(200, 7)), launched(adamw(201, 8), is_deleted=True)
    )
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.ERROR)
    assert told.message == (
        "candidate: 5 of 7 runs of its configuration are compared; "
        "left out: 000000c8 (seed 7), 000000c9 (seed 8) (1 deleted)"
    )


def test_beside_declared_seeds_others_are_no_error() -> None:
    claim = CLAIM.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
    told = found("seed-selection", launched(adamw(200, 7)), claim=claim)
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)  # it is still told


@pytest.mark.parametrize(
    ("accuracy", "expected"), [(CANDIDATE[2], Outcome.PASS), (0.90, Outcome.FAIL)]
)
def test_a_repetition_of_a_compared_seed_counts_where_it_scored_otherwise(
    accuracy: float, expected: Outcome
) -> None:
    made = sgd_and_adamw()
    made.runs["others"] = [adamw(200, 2, accuracy=accuracy)]
    assert outcome(judge(CLAIM, made, POLICY), "seed-selection").outcome is expected


def test_another_parameter_or_another_split_is_no_selection() -> None:
    others = (
        launched(adamw(200, 7, PARAMS.but(declared=(Param(name="lr", value=0.5),)))),
        launched(adamw(201, 8, SPLIT.but(fingerprint="split/1:cd"))),
    )
    assert found("seed-selection", *others).outcome is Outcome.PASS


def test_a_parameter_that_holds_the_seed_does_not_hide_a_left_out_run() -> None:
    def with_seed(seed: int) -> Fact:
        return ADAMW[1].but(declared=(*ADAMW[1].declared, Param(name="seed", value=seed)))

    runs = [adamw(101 + seed, seed, with_seed(seed)) for seed in range(5)]
    baseline = [tracked(1 + seed, seed, accuracy) for seed, accuracy in enumerate(BASELINE)]
    made = FakeHistory(
        {"sgd": baseline, "adamw": runs}, others=(launched(adamw(200, 7, with_seed(7))),)
    )
    assert outcome(judge(CLAIM, made, POLICY), "seed-selection").outcome is Outcome.FAIL


def configurations(n: int) -> Sequence[Launch]:
    """Runs of other hyperparameters that looked at the test rows, two seeds each."""
    return [
        launched(
            adamw(200 + 2 * at + seed, seed, PARAMS.but(declared=(Param(name="a", value=at),)))
        )
        for at in range(n)
        for seed in range(2)
    ]


def test_configurations_that_looked_at_the_test_rows_count_once_whatever_their_seeds() -> None:
    assert found("test-reuse", *configurations(18)).outcome is Outcome.PASS  # and two arms
    told = found("test-reuse", *configurations(19))
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)
    assert told.message == (
        "21 configurations of this experiment looked at the test rows; the budget is 20"
    )


def test_above_a_budget_that_was_declared_it_is_an_error() -> None:
    policy = POLICY.model_copy(update={"budget": Budget(test_reads=3)})
    assert found("test-reuse", *configurations(2), policy=policy).severity is Severity.ERROR


def tried(number: int, lr: float, *, role: str = "valid", seed: int = 0) -> RunRecord:
    """A trial of AdamW with another rate, scored on a role."""
    read = SCORES.reads[0].model_copy(update={"role": role})
    scored = (score(f"{role}/accuracy", 0.9),)
    return tracked(
        number,
        seed,
        0.9,
        SGD.but(name="AdamW", settings=(Setting(name="lr", value=lr),)),
        PARAMS.but(declared=(Param(name="lr", value=lr), Param(name="epochs", value=5))),
        SCORES.but(scored=scored, reads=(read,), logged=()),
    )


def with_trials(*trials: RunRecord, claim=CLAIM, policy=POLICY):
    made = sgd_and_adamw()
    made.runs["trials"] = list(trials)
    return judge(claim, made, policy)


def test_trials_that_were_only_scored_on_the_test_rows_were_chosen_on_them() -> None:
    told = outcome(
        with_trials(tried(200, 0.01, role="test"), tried(201, 0.02, role="test")),
        "selected-on-test",
    )
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.ERROR)
    assert told.message.startswith("candidate: 3 configurations were scored on the test rows")


def test_trials_that_were_scored_on_validation_rows_are_silent() -> None:
    judgement = with_trials(tried(200, 0.01), tried(201, 0.02))
    assert outcome(judgement, "selected-on-test").outcome is Outcome.PASS


def test_a_candidate_that_was_tuned_more_is_a_warning_and_by_policy_an_error() -> None:
    trials = [tried(200 + at, 0.01 * (1 + at)) for at in range(6)]
    told = outcome(with_trials(*trials), "tuning-budget")
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)
    assert told.message == (
        "10 configurations were tried for the candidate and 4 for the baseline; "
        "the budget is 2 times as many"
    )
    assert told.fix == "try 1 more for the baseline"
    strict = POLICY.model_copy(update={"budget": Budget(trials_ratio=2)})
    assert "tuning-budget" in failures(with_trials(*trials, policy=strict))
    assert outcome(with_trials(trials[0]), "tuning-budget").outcome is Outcome.PASS


def test_seeds_of_a_trial_are_not_fresh() -> None:
    reused = with_trials(tried(200, 0.01, seed=3), policy=EVERY)
    assert outcome(reused, "tuning-seed-reuse").message == (
        "candidate: 1 trials of other configurations used the seeds it is compared on: 3"
    )
    fresh = with_trials(tried(200, 0.01, seed=9), policy=EVERY)
    assert outcome(fresh, "tuning-seed-reuse").outcome is Outcome.PASS


def test_a_declared_seed_without_a_run_is_told() -> None:
    claim = CLAIM.model_copy(update={"seeds": (0, 1, 2, 9), "replicates": 3})
    judgement = judge(claim, history(), POLICY)
    told = [one for one in judgement.findings if one.rule == "failed-runs-missing"]
    assert [one.message for one in told] == [
        "baseline has no run of the declared seeds 9",
        "candidate has no run of the declared seeds 9",
    ]
    assert {run.replicate.seed for run in judgement.runs} == {0, 1, 2}


class Looked(FakeHistory):
    """An audit showed numbers of the claim when the first three seeds were there."""

    def launches(self) -> Sequence[Launch]:
        at = '{"adamw-beats-sgd": "2026-11-01T13:30:00+00:00"}'  # run 4 of an arm starts at 14:00
        return [
            replace(one, tags={**one.tags, LOOKS: at})
            if one.started_at < OUTCOME.started_at.replace(hour=13, minute=30)
            else one
            for one in super().launches()
        ]


def test_runs_that_were_added_after_an_audit_are_a_warning_unless_looks_were_declared() -> None:
    runs = {"sgd": seeds(1, BASELINE), "adamw": seeds(1, CANDIDATE, *ADAMW)}
    runs["adamw"] = [replace(run, run_id=f"a{run.run_id[1:]}") for run in runs["adamw"]]
    told = outcome(judge(CLAIM, Looked(runs), EVERY), "optional-stopping")
    assert told.message == (
        "an audit showed numbers of 6 runs on 2026-11-01 13:30 UTC; 4 runs were started later"
    )
    declared = CLAIM.model_copy(update={"looks": (3, 5)})
    judgement = judge(declared, Looked(runs), EVERY)
    assert outcome(judgement, "optional-stopping").outcome is Outcome.PASS
    assert judgement.comparison is not None
    assert judgement.comparison.alpha == pytest.approx(0.05 * 2 / 5)


def test_between_the_declared_looks_there_are_no_numbers() -> None:
    claim = CLAIM.model_copy(update={"looks": (4, 10), "replicates": 4})
    judgement = judge(claim, history(), POLICY)
    assert (judgement.verdict, judgement.comparison) == (Verdict.INCONCLUSIVE, None)
    told = outcome(judgement, "too-few-seeds")
    assert told.message == "5 replicates are no declared look; the claim says 4, 10"


def test_claims_against_one_baseline_are_corrected_or_a_warning() -> None:
    other = CLAIM.model_copy(update={"name": "other", "candidate": "rmsprop"})
    policy = EVERY.model_copy(update={"claims": (CLAIM, other)})
    told = found("multiplicity", policy=policy)
    assert told.message == (
        "2 claims are made against this baseline, uncorrected: adamw-beats-sgd, other"
    )
    members = [claim.model_copy(update={"family": "optimizers"}) for claim in (CLAIM, other)]
    policy = EVERY.model_copy(update={"claims": tuple(members)})
    assert found("multiplicity", policy=policy, claim=members[0]).outcome is Outcome.PASS


def searched(*, n_beyond_train: int) -> FitScope:
    seen = (Seen(role="test", n_rows=450, share=1.0, n_beyond_train=n_beyond_train),)
    fit = SCOPE.fits[0].model_copy(
        update={"path": "GridSearchCV", "kind": "GridSearchCV", "roles": seen}
    )
    return SCOPE.but(fits=(fit,))


def test_a_search_that_was_fitted_on_the_scored_rows_chose_by_them() -> None:
    runs = sgd_and_adamw(searched(n_beyond_train=450))
    (told,) = [one for one in judge(CLAIM, runs, POLICY).findings if one.rule == "selected-on-test"]
    assert told.message == "candidate: GridSearchCV was fitted on the test rows"
    assert [one.candidate for one in told.evidence] == [(450,)]
    inside = sgd_and_adamw(searched(n_beyond_train=0))
    assert outcome(judge(CLAIM, inside, POLICY), "selected-on-test").outcome is Outcome.PASS


@pytest.mark.parametrize(("n_looks", "expected"), [(2, Outcome.UNKNOWN), (3, Outcome.FAIL)])
def test_weights_that_were_loaded_after_many_looks_were_chosen(
    n_looks: int, expected: Outcome
) -> None:
    read = SCORES.reads[0].model_copy(update={"n_looks": n_looks})
    loaded = LINEAGE.but(loaded_later=LINEAGE.loaded)
    runs = sgd_and_adamw(loaded)
    runs.runs = {
        arm: [
            replace(run, facts={**run.facts, "scores": run.find(Scores).but(reads=(read,))})
            for run in found
        ]
        for arm, found in runs.runs.items()
    }
    assert outcome(judge(CLAIM, runs, POLICY), "selected-on-test").outcome is expected
    if expected is Outcome.UNKNOWN:
        for found in runs.runs.values():
            for run in found:
                by_valid = SCORES.logged[0].model_copy(update={"name": "valid/loss"})
                run.facts["scores"] = run.find(Scores).but(logged=(by_valid,))
        assert outcome(judge(CLAIM, runs, POLICY), "selected-on-test").outcome is Outcome.PASS


def brought_back(*roles: str) -> FakeHistory:
    """The candidate's best weights were kept in memory, by three looks at each role."""
    reads = tuple(
        SCORES.reads[0].model_copy(update={"number": at, "role": role, "n_looks": 3})
        for at, role in enumerate(roles, start=1)
    )
    runs = sgd_and_adamw()
    for run in runs.runs["adamw"]:
        scores = run.find(Scores)
        weights = SCORES.weights_at_end.model_copy(update={"is_restored": True})
        scored = tuple(one.model_copy(update={"weights": weights}) for one in scores.scored)
        run.facts["scores"] = scores.but(scored=scored, reads=reads, weights_at_end=weights)
    return runs


def test_the_best_weights_by_test_rows_are_an_error_however_they_were_kept() -> None:
    told = outcome(judge(CLAIM, brought_back("test"), POLICY), "selected-on-test")
    assert (told.severity, told.message) == (
        Severity.ERROR,
        "candidate: weights were brought back after 3 looks at the test rows, and at no others",
    )
    assert [one.path for one in told.evidence] == ["scores.test/accuracy.weights.is_restored"]
    by_valid = judge(CLAIM, brought_back("test", "valid"), POLICY)
    assert outcome(by_valid, "selected-on-test").outcome is Outcome.PASS
    folds = brought_back("test")
    for runs in folds.runs.values():
        for at, run in enumerate(runs):
            run.facts["split"] = SPLIT.but(fold=at % 2)
    told = outcome(judge(CLAIM, folds, POLICY), "selected-on-test")
    assert told.severity is Severity.WARNING  # folds have no other rows
    averaged = ("scores.test/accuracy.weights.*",)
    declared = CLAIM.model_copy(update={"nuisance": (*CLAIM.nuisance, *averaged)})
    told = outcome(judge(declared, brought_back("test"), POLICY), "selected-on-test")
    assert told.outcome is Outcome.PASS
