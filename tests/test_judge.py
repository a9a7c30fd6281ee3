from dataclasses import replace
from datetime import date
from pathlib import Path

import git
import pytest
from fake_history import (
    ADAMW,
    BASELINE,
    CANDIDATE,
    CLAIM,
    POLICY,
    FakeHistory,
    score,
    seeds,
    sgd_and_adamw,
    tracked,
)

from repro.audit.finding import Finding, Outcome
from repro.audit.judgement import Judgement
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict
from repro.claims import Claim, Guard, Policy, Waiver
from repro.errors import UnknownRule, UnknownRun, UsageError
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package
from repro.facts.fact import Absent
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Series
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Parameter
from repro.judge import judge, merge_base_filter
from repro.record import Replicate, RunRecord

LARGER_BATCH = BATCHING.but(micro=256, effective=256)
NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
TODAY = date(2026, 11, 1)


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


def with_facts(records: list[RunRecord], **facts: object) -> list[RunRecord]:
    return [replace(record, facts={**record.facts, **facts}) for record in records]


def failures(judgement: Judgement, severity: Severity = Severity.ERROR) -> list[str]:
    return [
        finding.rule
        for finding in judgement.findings
        if finding.outcome is Outcome.FAIL and finding.severity is severity
    ]


def outcome(judgement: Judgement, rule: str) -> Finding:
    (found,) = [finding for finding in judgement.findings if finding.rule == rule]
    return found


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
    assert not [found for found in judgement.findings if found.code.startswith("STA")]


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
    unknown = [found.rule for found in judgement.findings if found.outcome is Outcome.UNKNOWN]
    assert unknown == ["effective-batch"]


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
    assert failures(judgement, Severity.WARNING) == ["too-few-seeds"]
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
                        score("valid/recall", recall + seed / 1000),
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
    assert comparison.interval_95.low < independent.interval_95.low


def test_of_several_runs_of_one_seed_the_newest_finished_one_counts() -> None:
    history = sgd_and_adamw()
    failed = with_facts([tracked(300, 0, 0.1)], outcome=OUTCOME.but(status="FAILED"))
    history.runs["sgd"] += [tracked(200, 0, 0.905), *failed]
    judgement = judge(CLAIM, history, POLICY)
    counted = {run.run_id[:8] for run in judgement.runs if run.arm == "baseline"}
    assert counted == {"000000c8", "00000002", "00000003", "00000004", "00000005"}
    replaced = [(one.arm, one.superseded.run_id[:8]) for one in judgement.superseded]
    assert replaced == [("baseline", "00000001"), ("baseline", "0000012c")]
    assert failures(judgement) == []


def test_a_repetition_with_another_score_is_a_warning() -> None:
    history = sgd_and_adamw()
    history.runs["sgd"].append(tracked(200, 0, 0.905))
    judgement = judge(CLAIM, history, POLICY)
    assert failures(judgement, Severity.WARNING) == ["rerun-differs"]


def test_a_run_that_nothing_replaced_is_judged_although_it_failed() -> None:
    history = sgd_and_adamw()
    broken = with_facts([tracked(200, 9, 0.1)], outcome=OUTCOME.but(status="FAILED"))
    history.runs["sgd"] += broken
    assert failures(judge(CLAIM, history, POLICY)) == ["not-finished"]


def test_runs_without_a_seed_are_not_each_others_repetition() -> None:
    history = FakeHistory(
        {
            "sgd": [tracked(1, None, 0.90), tracked(2, None, 0.91)],
            "adamw": [tracked(3, None, 0.93, *ADAMW), tracked(4, None, 0.94, *ADAMW)],
        }
    )
    judgement = judge(CLAIM, history, POLICY)
    assert (len(judgement.runs), judgement.superseded) == (4, ())
    assert failures(judgement) == ["seed-missing"]


def test_a_single_split_is_no_fold_so_that_runs_with_and_without_a_plan_pair() -> None:
    history = sgd_and_adamw(SPLIT.but(fold=None))
    judgement = judge(CLAIM, history, POLICY)
    assert all(run.is_paired for run in judgement.runs)


def waiving(scope: str, rule: str = "dirty-no-diff", day: str = "2027-01-31") -> Policy:
    waiver = Waiver(
        rule=rule, scope=scope, reason="docs only", owner="@vision", expires=date.fromisoformat(day)
    )
    return POLICY.model_copy(update={"waivers": (waiver,)})


DIRTY = CODE.but(is_dirty=True, n_modified=2)


def test_a_waived_error_does_not_block_and_stays_visible() -> None:
    policy = waiving("arm:candidate")
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy, today=TODAY)
    found = outcome(judgement, "dirty-no-diff")
    assert (found.outcome, found.waiver) == (Outcome.WAIVED, policy.waivers[0])
    assert judgement.verdict is Verdict.BETTER
    assert judgement.unused_waivers == ()


def test_a_waiver_of_one_run_leaves_the_others_failing() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), waiving("run:00000065"), today=TODAY)
    outcomes = [
        (found.outcome, len(found.runs))
        for found in judgement.findings
        if found.rule == "dirty-no-diff"
    ]
    assert outcomes == [(Outcome.WAIVED, 1), (Outcome.FAIL, 4)]
    assert judgement.verdict is Verdict.INVALID


def test_an_expired_waiver_does_not_apply_and_is_reported() -> None:
    policy = waiving("arm:candidate", day="2026-10-31")
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy, today=TODAY)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.expired_waivers == policy.waivers
    assert judgement.unused_waivers == ()


def test_a_waiver_that_waives_nothing_is_reported() -> None:
    policy = waiving("arm:candidate")
    judgement = judge(CLAIM, sgd_and_adamw(), policy, today=TODAY)
    assert judgement.unused_waivers == policy.waivers


@pytest.mark.parametrize("scope", ["claim:other", "run:abcdef"])
def test_a_waiver_of_another_claim_or_run_is_not_called_unused(scope: str) -> None:
    assert judge(CLAIM, sgd_and_adamw(), waiving(scope), today=TODAY).unused_waivers == ()


def test_a_waiver_of_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownRule):
        judge(CLAIM, sgd_and_adamw(), waiving("arm:candidate", rule="dirty"))


def test_rules_that_the_policy_ignores_are_not_asked_and_named() -> None:
    policy = POLICY.model_copy(update={"ignore": ("dirty-no-diff",)})
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy)
    assert judgement.not_asked == ("dirty-no-diff",)
    assert "dirty-no-diff" not in {found.rule for found in judgement.findings}


def test_an_arm_without_runs_names_its_filter() -> None:
    with pytest.raises(UnknownRun) as caught:
        judge(CLAIM, FakeHistory({"sgd": seeds(1, BASELINE)}), POLICY)
    assert str(caught.value) == (
        "claim 'adamw-beats-sgd': candidate has no run in experiment 'digits': "
        "nothing matches 'adamw'. "
        "Run the training script for this arm, or correct candidate in repro.toml."
    )


def test_a_run_on_both_sides_is_refused() -> None:
    history = FakeHistory({"sgd": seeds(1, BASELINE), "adamw": seeds(5, CANDIDATE, *ADAMW)})
    with pytest.raises(UsageError) as caught:
        judge(CLAIM, history, POLICY)
    assert str(caught.value) == (
        "claim 'adamw-beats-sgd': run 00000005 stands on both sides. "
        "Make baseline and candidate select different runs."
    )


def named(records: list[RunRecord]) -> tuple[str, ...]:
    return tuple(record.run_id for record in records)


def test_arms_may_be_named_by_their_runs() -> None:
    history = sgd_and_adamw()
    claim = CLAIM.model_copy(
        update={"baseline": named(history.runs["sgd"]), "candidate": named(history.runs["adamw"])}
    )
    assert judge(claim, history, POLICY).verdict is Verdict.BETTER


def test_a_single_run_id_is_not_taken_for_a_filter() -> None:
    history = sgd_and_adamw()
    claim = CLAIM.model_copy(update={"baseline": history.runs["sgd"][0].run_id})
    assert [run.arm for run in judge(claim, history, POLICY).runs].count("baseline") == 1


@pytest.fixture
def repository(tmp_path: Path) -> git.Repo:
    """A branch `feature` that left `main`, of which the remote has a copy."""
    repo = git.Repo.init(tmp_path, initial_branch="main")
    author = git.Actor("a", "a@example")
    repo.index.commit("first", author=author, committer=author)
    repo.create_head("feature").checkout()
    repo.index.commit("second", author=author, committer=author)
    repo.git.update_ref("refs/remotes/origin/main", "main")
    return repo


def test_merge_base_means_the_runs_of_the_commit_shared_with_the_default_branch(
    repository: git.Repo, tmp_path: Path
) -> None:
    query = f"tags.`mlflow.source.git.commit` = '{repository.commit('main').hexsha}'"
    assert merge_base_filter(tmp_path) == query
    history = sgd_and_adamw()
    history.runs[query] = history.runs.pop("sgd")
    claim = Claim(**{**CLAIM.model_dump(), "baseline": "merge-base"})
    policy = Policy(file=tmp_path / "repro.toml")
    assert judge(claim, history, policy).verdict is Verdict.BETTER


def test_without_a_default_branch_there_is_no_merge_base(
    repository: git.Repo, tmp_path: Path
) -> None:
    repository.git.update_ref("-d", "refs/remotes/origin/main")
    with pytest.raises(UsageError) as caught:
        merge_base_filter(tmp_path)
    assert str(caught.value) == (
        '"merge-base": HEAD shares no commit with any of origin/HEAD, origin/main, origin/master. '
        "Fetch the default branch with its history (fetch-depth: 0 in CI)."
    )


def test_without_a_repository_there_is_no_merge_base(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        merge_base_filter(tmp_path)
    assert str(caught.value) == (
        f'"merge-base" needs a git repository, and {tmp_path} is in none. '
        f"Name the runs by a filter or by their ids."
    )
