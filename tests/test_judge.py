from datetime import date

import pytest
from fake_history import (
    ADAMW,
    BASELINE,
    CANDIDATE,
    CLAIM,
    POLICY,
    FakeHistory,
    failures,
    outcome,
    score,
    seeds,
    sgd_and_adamw,
    tracked,
    with_facts,
)

from repro.audit.catalogue import every_rule
from repro.audit.finding import Outcome
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict
from repro.claims import Guard, Waiver
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package
from repro.facts.fact import Absent
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Series
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Parameter
from repro.judge import judge
from repro.record import Replicate, RunRecord

DIRTY = CODE.but(is_dirty=True, n_modified=2)
LARGER_BATCH = BATCHING.but(micro=256, effective=256)
NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")


def other_split() -> tuple[object, ...]:
    """The same data under another random state: what `split` and `data` then record."""
    train, test = DATA.roles
    roles = (
        train.model_copy(update={"digest": "blake3:a1", "rows_digest": "blake3:a1"}),
        test.model_copy(update={"digest": "blake3:b1", "rows_digest": "blake3:b1"}),
    )
    state = Parameter(name="random_state", value=1)
    split = SPLIT.but(
        fingerprint="split/1:cd",
        parameters=(SPLIT.parameters[0], state),
        train_digest="blake3:a1",
        test_digest="blake3:b1",
    )
    return split, DATA.but(roles=roles)


def test_a_valid_claim_with_a_clear_gain_is_better() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(), POLICY)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.BETTER, 0)
    assert failures(judgement) == []
    assert judgement.comparison is not None
    assert judgement.comparison.n_pairs == 5
    assert [result.outcome for result in judgement.guards] == ["safe"]


def test_the_table_holds_the_declared_differences_and_nothing_else() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(), POLICY)
    rows = [(row.path, row.baseline, row.candidate, row.declared) for row in judgement.differences]
    assert rows == [
        ("optimizer.name", ("SGD",), ("AdamW",), "treatment"),
        ("optimizer.momentum", (0.9,), ("not set",), "treatment"),
        ("optimizer.lr", (0.1,), (0.001,), "nuisance"),
    ]


def test_another_batch_and_another_split_are_two_errors_and_no_more() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(LARGER_BATCH, *other_split()), POLICY)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INVALID, 1)
    assert failures(judgement) == ["split-differs", "effective-batch"]
    assert failures(judgement, Severity.WARNING) == failures(judgement, Severity.NOTE) == []
    owners = {row.path: row.rule for row in judgement.differences if row.declared is None}
    assert {owners[path] for path in owners if path.startswith("batching.")} == {"effective-batch"}
    assert {owners[path] for path in owners if not path.startswith("batching.")} == {
        "split-differs"
    }


def test_what_follows_from_a_difference_is_marked_in_the_table() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(LARGER_BATCH), POLICY)
    marks = {row.path: row.is_consequence for row in judgement.differences if row.rule}
    assert marks == {"batching.effective": False, "batching.micro": True}


def test_an_invalid_claim_has_no_numbers() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(LARGER_BATCH), POLICY)
    assert (judgement.comparison, judgement.guards) == (None, ())
    of_numbers = {rule.name for rule in every_rule() if rule.is_about_numbers}
    assert not [found for found in judgement.findings if found.rule in of_numbers]


def test_a_guard_that_was_only_logged_leaves_the_claim_unproven() -> None:
    history = sgd_and_adamw()
    logged = SCORES.but(
        scored=(score("test/accuracy", 0.95),),
        logged=(Series(name="test/loss", last=0.1, last_step=4),),
    )
    history.runs = {arm: with_facts(runs, scores=logged) for arm, runs in history.runs.items()}
    judgement = judge(CLAIM, history, POLICY)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.UNPROVEN, 3)
    assert judgement.comparison is None
    assert outcome(judgement, "metric-definition").outcome is Outcome.UNKNOWN
    assert outcome(judgement, "undeclared-difference").outcome is Outcome.PASS


def test_a_fact_that_is_not_recorded_leaves_the_claim_unproven_once() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(batching=NOT_RECORDED), POLICY)
    assert judgement.verdict is Verdict.UNPROVEN
    unknown = [found for found in judgement.findings if found.outcome is Outcome.UNKNOWN]
    assert [found.rule for found in unknown if not found.is_advice] == ["effective-batch"]


def test_advice_about_a_difference_does_not_hide_that_it_was_not_declared() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("optimizer.name",), "nuisance": ()})
    fast = SGD.but(name="AdamW", settings=(Setting(name="lr", value=0.5), *SGD.settings[1:]))
    params = PARAMS.but(declared=(Param(name="lr", value=0.5), *PARAMS.declared[1:]))
    every = POLICY.model_copy(update={"preview": True})
    judgement = judge(claim, sgd_and_adamw(fast, params), every)
    assert "lr-range" in failures(judgement, Severity.NOTE)
    assert failures(judgement) == ["undeclared-difference"]
    assert judgement.verdict is Verdict.INVALID
    (row,) = [row for row in judgement.differences if row.path == "optimizer.lr"]
    assert row.rule == "undeclared-difference"


def test_a_run_that_was_not_tracked_is_unproven_not_valid() -> None:
    judgement = judge(
        CLAIM,
        FakeHistory(
            {
                "sgd": seeds(1, BASELINE),
                "adamw": [RunRecord("f" * 32, "plain", {"outcome": OUTCOME})],
            }
        ),
        POLICY,
    )
    assert judgement.verdict is Verdict.UNPROVEN


def test_warnings_do_not_block() -> None:
    patched = ENVIRONMENT.but(
        imported=(ENVIRONMENT.imported[0], Package(name="torch", version="2.13.1"))
    )
    judgement = judge(CLAIM, sgd_and_adamw(patched), POLICY)
    assert failures(judgement, Severity.WARNING) == ["framework-differs"]
    assert judgement.verdict is Verdict.BETTER


def test_a_loss_is_worse_and_refutes_the_goal() -> None:
    history = FakeHistory({"sgd": seeds(1, CANDIDATE), "adamw": seeds(101, BASELINE, *ADAMW)})
    judgement = judge(CLAIM, history, POLICY)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.WORSE, 1)


def test_a_gain_within_noise_is_inconclusive_and_says_so() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(candidate=(0.91, 0.90, 0.92, 0.91, 0.90)), POLICY)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert failures(judgement, Severity.WARNING) == ["within-noise"]


def test_fewer_seeds_than_declared_are_inconclusive() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(candidate=CANDIDATE[:3]), POLICY)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert failures(judgement, Severity.WARNING) == ["too-few-seeds", "guard-regression"]
    alone = [(run.arm, run.replicate) for run in judgement.runs if not run.is_paired]
    assert alone == [
        ("baseline", Replicate(seed=3, fold=0)),
        ("baseline", Replicate(seed=4, fold=0)),
    ]


def test_one_run_a_side_is_inconclusive_without_numbers() -> None:
    history = FakeHistory({"sgd": seeds(1, [0.9]), "adamw": seeds(101, [0.95], *ADAMW)})
    judgement = judge(CLAIM, history, POLICY)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.comparison is None
    assert [(result.outcome, result.comparison) for result in judgement.guards] == [
        ("unclear", None)
    ]
    assert outcome(judgement, "within-noise").outcome is Outcome.NOT_APPLICABLE


def test_a_guard_that_regresses_beyond_its_margin_is_worse_whatever_the_gain() -> None:
    # The example's loss is 1 - accuracy: as an accuracy guard it falls when accuracy rises.
    claim = CLAIM.model_copy(
        update={"guards": (Guard(metric="valid/recall", direction="higher", margin=0.02),)}
    )

    def recalling(records: list[RunRecord], recall: float) -> list[RunRecord]:
        return [
            with_facts(
                [record],
                scores=SCORES.but(
                    scored=(
                        score("test/accuracy", record.facts["scores"].value("test/accuracy")),
                        score("valid/recall", recall * (1 + seed / 1000)),
                    )
                ),
            )[0]
            for seed, record in enumerate(records)
        ]

    history = FakeHistory(
        {
            "sgd": recalling(seeds(1, BASELINE), 0.9),
            "adamw": recalling(seeds(101, CANDIDATE, *ADAMW), 0.8),
        }
    )
    judgement = judge(claim, history, POLICY)
    assert [result.outcome for result in judgement.guards] == ["worse"]
    assert judgement.verdict is Verdict.WORSE


def test_seeds_that_the_arms_do_not_share_are_compared_unpaired() -> None:
    history = FakeHistory(
        {
            "sgd": seeds(1, BASELINE),
            "adamw": [
                tracked(101 + at, 50 + at, value, *ADAMW) for at, value in enumerate(CANDIDATE)
            ],
        }
    )
    judgement = judge(CLAIM, history, POLICY)
    assert judgement.comparison is not None
    assert judgement.comparison.method == "Welch t"
    assert not any(run.is_paired for run in judgement.runs)


def test_folds_are_compared_with_their_overlap_and_seeds_of_a_fold_are_averaged() -> None:
    def arm(first: int, accuracies: tuple[float, ...], *facts: object) -> list[RunRecord]:
        return [
            tracked(
                first + 10 * fold + seed,
                seed,
                accuracy + seed / 100,
                SPLIT.but(
                    fold=fold, n_splits=5, n_train=80, n_test=20, test_digest=f"blake3:{fold}"
                ),
                *facts,
            )
            for fold, accuracy in enumerate(accuracies)
            for seed in (0, 1)
        ]

    history = FakeHistory({"sgd": arm(1, BASELINE), "adamw": arm(101, CANDIDATE, *ADAMW)})
    judgement = judge(CLAIM, history, POLICY)
    assert judgement.comparison is not None
    assert judgement.comparison.method == "Nadeau-Bengio corrected t"
    assert judgement.comparison.n_pairs == 5
    assert judgement.comparison.baseline_mean == pytest.approx(sum(BASELINE) / 5 + 0.005)
    assert len([run for run in judgement.runs if run.is_paired]) == 20


def test_a_split_for_each_seed_overlaps_like_folds_and_is_compared_like_them() -> None:
    def arm(first: int, accuracies: tuple[float, ...], *facts: object) -> list[RunRecord]:
        return [
            tracked(
                first + seed,
                seed,
                accuracy,
                SPLIT.but(source="data", fold=None, test_digest=f"blake3:{seed}"),
                *facts,
            )
            for seed, accuracy in enumerate(accuracies)
        ]

    history = FakeHistory({"sgd": arm(1, BASELINE), "adamw": arm(101, CANDIDATE, *ADAMW)})
    comparison = judge(CLAIM, history, POLICY).comparison
    assert comparison is not None
    assert comparison.method == "Nadeau-Bengio corrected t"
    independent = judge(CLAIM, sgd_and_adamw(), POLICY).comparison
    assert independent is not None
    assert comparison.difference == pytest.approx(independent.difference)
    assert comparison.interval.low < independent.interval.low


def test_rules_that_the_policy_ignores_are_not_asked_and_named() -> None:
    policy = POLICY.model_copy(update={"ignore": ("dirty-no-diff",)})
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy)
    assert judgement.not_asked == ("dirty-no-diff",)
    assert "nothing was" not in str(outcome(judgement, "dirty-no-diff").message)


def test_an_error_that_the_policy_leaves_out_is_unproven_until_somebody_answers_for_it() -> None:
    policy = POLICY.model_copy(update={"ignore": ("dirty-no-diff",)})
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy)
    assert judgement.verdict is Verdict.UNPROVEN
    assert outcome(judgement, "dirty-no-diff").message == (
        "the policy leaves this rule out, so that what it would find is unknown"
    )
    waiver = Waiver(
        rule="SRC001",
        scope=f"claim:{CLAIM.name}",
        reason="docs only",
        owner="@vision",
        expires=date(2027, 1, 1),
    )
    policy = policy.model_copy(update={"waivers": (waiver,)})
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy, today=date(2026, 11, 1))
    assert judgement.verdict is Verdict.BETTER


def test_folds_on_one_hold_out_are_averaged_over_those_that_both_arms_have() -> None:
    def arm(first: int, gain: float, folds: tuple[int, ...], *facts: object) -> list[RunRecord]:
        return [
            tracked(
                first + 10 * fold + seed,
                seed,
                accuracy + gain + fold / 10,
                SPLIT.but(fold=fold, n_splits=3),
                *facts,
            )
            for fold in folds
            for seed, accuracy in enumerate((0.50, 0.51, 0.53, 0.50, 0.52))
        ]

    history = FakeHistory({"sgd": arm(1, 0.0, (0, 1)), "adamw": arm(101, 0.1, (0, 1, 2), *ADAMW)})
    comparison = judge(CLAIM.model_copy(update={"guards": ()}), history, POLICY).comparison
    assert comparison is not None
    assert comparison.n_pairs == 5
    assert comparison.baseline_mean == pytest.approx(0.562)
    assert comparison.candidate_mean == pytest.approx(0.662)
