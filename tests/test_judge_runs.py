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
    failures,
    seeds,
    sgd_and_adamw,
    tracked,
    with_facts,
)

from repro.arms import merge_base_filter
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict
from repro.claims import Claim, Policy
from repro.errors import UnknownRule, UnknownRun, UsageError
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.split import EXAMPLE as SPLIT
from repro.judge import judge
from repro.record import RunRecord


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


def test_a_task_that_a_run_does_not_record_is_refused() -> None:
    claim = CLAIM.model_copy(update={"task": "params.epocs"})
    with pytest.raises(UsageError) as caught:
        judge(claim, sgd_and_adamw(), POLICY)
    assert str(caught.value) == (
        "claim 'adamw-beats-sgd': run 00000001 has no params.epocs, which task names. "
        "Did you mean 'params.epochs'? Name a parameter that every run has."
    )


@pytest.mark.parametrize("key", ["select", "ignore"])
def test_a_rule_that_does_not_exist_is_named_with_its_file(key: str) -> None:
    policy = POLICY.model_copy(update={key: ("sead-missing",)})
    with pytest.raises(UnknownRule) as caught:
        judge(CLAIM, sgd_and_adamw(), policy)
    assert str(caught.value) == (
        "repro.toml: no rule 'sead-missing'. Did you mean 'seed-missing'? "
        "`repro rules` lists all of them."
    )


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
    commit = repository.commit("main").hexsha
    query = f"tags.`mlflow.source.git.commit` = '{commit}' and tags.`repro.code` = '{commit[:8]}'"
    assert merge_base_filter(tmp_path) == query
    history = sgd_and_adamw()
    history.runs[query] = history.runs.pop("sgd")
    claim = Claim(**{**CLAIM.model_dump(), "baseline": "merge-base"})
    policy = Policy(file=tmp_path / "repro.toml")
    assert judge(claim, history, policy).verdict is Verdict.BETTER


def test_on_the_default_branch_itself_there_are_no_two_commits_to_compare(
    repository: git.Repo, tmp_path: Path
) -> None:
    repository.heads["main"].checkout()
    claim = Claim(**{**CLAIM.model_dump(), "baseline": "merge-base", "candidate": "HEAD"})
    with pytest.raises(UsageError) as caught:
        judge(claim, sgd_and_adamw(), Policy(file=tmp_path / "repro.toml"))
    assert str(caught.value) == (
        'claim \'adamw-beats-sgd\': "merge-base" and "HEAD" are one commit. Audit it on the '
        "branch, before the merge and after its first commit, or name the runs otherwise."
    )


def test_without_a_default_branch_there_is_no_merge_base(
    repository: git.Repo, tmp_path: Path
) -> None:
    repository.git.update_ref("-d", "refs/remotes/origin/main")
    repository.git.branch("-D", "main")
    with pytest.raises(UsageError) as caught:
        merge_base_filter(tmp_path)
    assert str(caught.value) == (
        '"merge-base": HEAD shares no commit with any of '
        "origin/HEAD, origin/main, origin/master, main, master. "
        "Fetch the default branch with its history (fetch-depth: 0 in CI)."
    )


def test_without_a_repository_there_is_no_merge_base(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        merge_base_filter(tmp_path)
    assert str(caught.value) == (
        f'"merge-base" needs a git repository, and {tmp_path} is in none. '
        f"Name the runs by a filter or by their ids."
    )
