"""The runs of a claim: selected, loaded, one for each replicate, and paired."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from repro.audit.case import Case, Rerun, Reruns
from repro.audit.scored_arms import task_of
from repro.claims import HEAD, MERGE_BASE, Claim, Policy, did_you_mean
from repro.errors import UnknownRun, UsageError
from repro.facts.outcome import Outcome
from repro.history import History
from repro.record import Arms, Replicate, RunRecord

if TYPE_CHECKING:
    import git

RUN_ID = re.compile(r"[0-9a-f]{32}")
UNREPEATED = Replicate(seed=None, fold=None)  # such runs are not each other's repetition
DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")

ReplicateOf = Callable[[RunRecord], Replicate]


def gather(claim: Claim, history: History, policy: Policy) -> Case:
    """The runs of a claim: selected, loaded, one for each replicate, and paired.

    Of several runs of one replicate in an arm the newest finished one counts; the others are
    superseded. Runs without seed and fold all count, and pair with nothing.
    """
    _refuse_one_commit(claim, policy.root)
    ids = {
        "baseline": _select(claim.baseline, "baseline", claim, history, policy),
        "candidate": _select(claim.candidate, "candidate", claim, history, policy),
    }
    both = sorted(set(ids["baseline"]) & set(ids["candidate"]))
    if both:
        raise UsageError(
            f"claim {claim.name!r}: run {both[0][:8]} stands on both sides. "
            f"Make baseline and candidate select different runs."
        )
    loaded = {arm: _loaded(claim, arm, found, history) for arm, found in ids.items()}
    _refuse_runs_without_task(claim, [*loaded["baseline"], *loaded["candidate"]])
    replicate = _replicate_of([*loaded["baseline"], *loaded["candidate"]], claim.task)
    baseline, baseline_reruns = _sifted("baseline", loaded["baseline"], replicate)
    candidate, candidate_reruns = _sifted("candidate", loaded["candidate"], replicate)
    return Case(
        claim=claim,
        policy=policy,
        arms=_paired(baseline, candidate, replicate),
        reruns=Reruns((*baseline_reruns, *candidate_reruns)),
    )


def _refuse_one_commit(claim: Claim, folder: Path) -> None:
    are_commits = {claim.baseline, claim.candidate} == {MERGE_BASE, HEAD}
    if are_commits and merge_base_filter(folder) == head_filter(folder):
        raise UsageError(
            f'claim {claim.name!r}: "merge-base" and "HEAD" are one commit. Audit it on the '
            f"branch, before the merge and after its first commit, or name the runs otherwise."
        )


def _refuse_runs_without_task(claim: Claim, records: Iterable[RunRecord]) -> None:
    for record in records:
        if claim.task is not None and record.flat.get(claim.task) is None:
            known = [path for path in record.flat if path.startswith(("params.", "data."))]
            raise UsageError(
                f"claim {claim.name!r}: run {record.run_id[:8]} has no {claim.task}, which task "
                f"names.{did_you_mean(claim.task, known)} Name a parameter that every run has."
            )


def _loaded(claim: Claim, arm: str, ids: Iterable[str], history: History) -> list[RunRecord]:
    """The records of an arm; of the declared seeds, if there are any."""
    records = [history.record(run_id) for run_id in ids]
    seeds = claim.seeds
    found = [one for one in records if seeds is None or one.replicate.seed in seeds]
    if not found and seeds is not None:
        have = ", ".join(str(one.replicate.seed) for one in records)
        raise UnknownRun(
            f"claim {claim.name!r}: {arm} has no run of the declared seeds "
            f"{', '.join(map(str, seeds))}; its runs have the seeds {have}. Run the declared ones."
        )
    return found


def _select(
    source: str | tuple[str, ...], arm: str, claim: Claim, history: History, policy: Policy
) -> tuple[str, ...]:
    """The ids that an arm of a claim names."""
    if not isinstance(source, str):
        return tuple(dict.fromkeys(source))
    if RUN_ID.fullmatch(source):
        return (source,)
    named = {MERGE_BASE: merge_base_filter, HEAD: head_filter}
    query = named[source](policy.root) if source in named else source
    found = tuple(history.find_runs(query))
    if not found:
        where = f" in experiment {policy.experiment!r}" if policy.experiment else ""
        raise UnknownRun(
            f"claim {claim.name!r}: {arm} has no run{where}: nothing matches {query!r}. "
            f"Run the training script for this arm, or correct {arm} in {policy.file}."
        )
    return found


def merge_base_filter(folder: Path) -> str:
    """The MLflow filter for runs of the commit that HEAD and the default branch share.

    Raises
    ------
    UsageError
        No repository, no default branch, or a clone too shallow to hold the common commit.
    """
    import git

    repo = _repository(folder, MERGE_BASE)
    for branch in DEFAULT_BRANCHES:
        try:
            bases = repo.merge_base(HEAD, branch)
        except git.GitCommandError:  # no such branch
            continue
        if bases:
            return _clean_runs_of(bases[0])
    raise UsageError(
        f'"merge-base": HEAD shares no commit with any of {", ".join(DEFAULT_BRANCHES)}. '
        f"Fetch the default branch with its history (fetch-depth: 0 in CI)."
    )


def head_filter(folder: Path) -> str:
    """The MLflow filter for runs of the commit under review.

    Raises
    ------
    UsageError
        No repository, or one without a commit.
    """
    repo = _repository(folder, HEAD)
    if not repo.head.is_valid():
        raise UsageError(f'"HEAD": the repository {folder} has no commit. Commit, and run again.')
    return _clean_runs_of(repo.head.commit)


def _repository(folder: Path, wanted: str) -> "git.Repo":
    import git

    try:
        return git.Repo(folder, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise UsageError(
            f'"{wanted}" needs a git repository, and {folder} is in none. '
            f"Name the runs by a filter or by their ids."
        ) from error


def _clean_runs_of(commit: "git.Commit") -> str:
    """The filter for runs of a commit; `repro.code` is the bare commit only of a clean tree."""
    return (
        f"tags.`mlflow.source.git.commit` = '{commit.hexsha}' and "
        f"tags.`repro.code` = '{commit.hexsha[:8]}'"
    )


def _replicate_of(records: Iterable[RunRecord], task: str | None) -> ReplicateOf:
    """What makes two runs a pair: seed and fold; the seed alone if there are no several folds.

    And the task, if the claim is about several.
    """
    is_folded = _is_folded(records)

    def of(record: RunRecord) -> Replicate:
        seed, fold = record.replicate.seed, record.replicate.fold if is_folded else None
        return Replicate(seed, fold, None if task is None else task_of(record, task))

    return of


def _is_folded(records: Iterable[RunRecord]) -> bool:
    return len({record.replicate.fold for record in records} - {None}) > 1


def _sifted(
    arm: str, records: Sequence[RunRecord], replicate: ReplicateOf
) -> tuple[list[RunRecord], list[Rerun]]:
    """The run of each replicate that counts, in order, and those that it replaces."""
    groups: dict[object, list[RunRecord]] = {}
    for record in records:
        key = replicate(record)
        groups.setdefault(record.run_id if key == UNREPEATED else key, []).append(record)
    kept = [max(group, key=_precedence) for group in groups.values()]
    reruns = [
        Rerun(arm, kept=winner, superseded=record)
        for winner, group in zip(kept, groups.values(), strict=True)
        for record in group
        if record is not winner
    ]
    return sorted(kept, key=_place), reruns


def _precedence(record: RunRecord) -> tuple[bool, datetime]:
    """Finished before unfinished, then newer before older."""
    ending = record.find(Outcome)
    if ending is None:
        return (False, datetime.min.replace(tzinfo=UTC))
    return (ending.status == "FINISHED", ending.started_at)


def _place(record: RunRecord) -> tuple[int, int]:
    seed, fold = record.replicate.seed, record.replicate.fold
    return (-1 if seed is None else seed, -1 if fold is None else fold)


def _paired(
    baseline: Sequence[RunRecord], candidate: Sequence[RunRecord], replicate: ReplicateOf
) -> Arms[RunRecord]:
    places = {replicate(record): at for at, record in enumerate(candidate)}
    pairs = tuple(
        (at, places[replicate(record)])
        for at, record in enumerate(baseline)
        if replicate(record) != UNREPEATED and replicate(record) in places
    )
    return Arms(tuple(baseline), tuple(candidate), pairs)
