"""Judge a claim: load its runs, ask the rules, look at numbers only if they may be looked at."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import fmean

from repro.audit.case import Case, Rerun, Reruns
from repro.audit.catalogue import enabled_rules, every_rule, find_rule
from repro.audit.engine import audit
from repro.audit.finding import NOT_SET, Finding, Outcome, evidence_at, fold
from repro.audit.judgement import ArmRun, GuardResult, Judgement, Row
from repro.audit.rule import Rule, Severity
from repro.audit.verdict import Verdict, admissibility
from repro.audit.waiver import in_force, unused, waive
from repro.claims import MERGE_BASE, Claim, Direction, Policy, Waiver
from repro.errors import TooFewReplicates, UnknownRun, UsageError
from repro.facts.fact import Absent
from repro.facts.outcome import Outcome as Ending
from repro.facts.scores import Scores
from repro.facts.split import Split
from repro.record import Arms, History, Replicate, RunRecord
from repro.stats.comparison import Comparison, compare
from repro.stats.decision import decide, guard_outcome

RUN_ID = re.compile(r"[0-9a-f]{32}")
UNREPEATED = Replicate(seed=None, fold=None)  # such runs are not each other's repetition
SILENT = (Outcome.PASS, Outcome.NOT_APPLICABLE)
DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")

ReplicateOf = Callable[[RunRecord], Replicate]
ByFold = Mapping[int | str, Mapping[int | None, float]]  # seed or id of the run, then fold
Values = Mapping[int | str, float]  # a score by seed, evaluation rows, or id of the run


def judge(
    claim: Claim, history: History, policy: Policy, *, today: date | None = None
) -> Judgement:
    """The verdict on a claim, with everything that it rests on.

    Parameters
    ----------
    claim : what is claimed
    history : where the runs are
    policy : which rules are asked, and what is waived
    today : the day that waivers must reach; by default today

    Raises
    ------
    UnknownRun
        An arm has no run.
    UnknownRule
        The policy selects, ignores or waives a rule that does not exist.
    UsageError
        A run stands on both sides, or there is no merge base to find runs at.
    """
    rules = enabled_rules(policy)
    for waiver in policy.waivers:
        find_rule(waiver.rule)  # refuses one that names no rule
    case = gather(claim, history, policy)
    reaching = tuple(waiver for waiver in policy.waivers if _reaches(waiver, case))
    waivers = in_force(reaching, today or datetime.now(UTC).date())
    findings = _ask(case, [rule for rule in rules if not rule.is_about_numbers], waivers)
    findings += waive(_left_out(rules), waivers, claim=claim.name)
    verdict = admissibility(findings)
    guards: tuple[GuardResult, ...] = ()
    if verdict is None:
        guards = tuple(_guard_results(case))
        case = replace(case, comparison=_compared(case, claim.metric, claim.direction))
        findings += _ask(case, [rule for rule in rules if rule.is_about_numbers], waivers)
        verdict = _decided(case, guards)
    return Judgement(
        claim=claim,
        verdict=verdict,
        findings=_in_order(findings),
        differences=_rows(case, findings),
        runs=tuple(_arm_runs(case)),
        superseded=case.reruns.pairs,
        not_asked=tuple(rule.name for rule in every_rule() if rule not in rules),
        unused_waivers=unused(waivers, findings),
        expired_waivers=tuple(waiver for waiver in reaching if waiver not in waivers),
        comparison=None if isinstance(case.comparison, Absent) else case.comparison,
        guards=guards,
    )


def gather(claim: Claim, history: History, policy: Policy) -> Case:
    """The runs of a claim: selected, loaded, one for each replicate, and paired.

    Of several runs of one replicate in an arm the newest finished one counts; the others are
    superseded. Runs without seed and fold all count, and pair with nothing.
    """
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
    loaded = {arm: [history.record(run_id) for run_id in found] for arm, found in ids.items()}
    replicate = _replicate_of([*loaded["baseline"], *loaded["candidate"]])
    baseline, baseline_reruns = _sifted("baseline", loaded["baseline"], replicate)
    candidate, candidate_reruns = _sifted("candidate", loaded["candidate"], replicate)
    return Case(
        claim=claim,
        policy=policy,
        arms=_paired(baseline, candidate, replicate),
        reruns=Reruns((*baseline_reruns, *candidate_reruns)),
    )


def _select(
    source: str | tuple[str, ...], arm: str, claim: Claim, history: History, policy: Policy
) -> tuple[str, ...]:
    """The ids that an arm of a claim names."""
    if not isinstance(source, str):
        return tuple(dict.fromkeys(source))
    if RUN_ID.fullmatch(source):
        return (source,)
    query = merge_base_filter(policy.root) if source == MERGE_BASE else source
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

    try:
        repo = git.Repo(folder, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise UsageError(
            f'"merge-base" needs a git repository, and {folder} is in none. '
            f"Name the runs by a filter or by their ids."
        ) from error
    for branch in DEFAULT_BRANCHES:
        try:
            bases = repo.merge_base("HEAD", branch)
        except git.GitCommandError:  # no such branch
            continue
        if bases:
            commit = bases[0].hexsha  # `repro.code` is the bare commit only of a clean tree
            return (
                f"tags.`mlflow.source.git.commit` = '{commit}' and "
                f"tags.`repro.code` = '{commit[:8]}'"
            )
    raise UsageError(
        f'"merge-base": HEAD shares no commit with any of {", ".join(DEFAULT_BRANCHES)}. '
        f"Fetch the default branch with its history (fetch-depth: 0 in CI)."
    )


def _replicate_of(records: Iterable[RunRecord]) -> ReplicateOf:
    """What makes two runs a pair: seed and fold; the seed alone if there are no several folds."""
    if _is_folded(records):
        return lambda record: record.replicate
    return lambda record: Replicate(seed=record.replicate.seed, fold=None)


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
    ending = record.find(Ending)
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


def _reaches(waiver: Waiver, case: Case) -> bool:
    """Whether a waiver could cover a finding of this claim at all."""
    kind, _, name = waiver.scope.partition(":")
    if kind == "claim":
        return name == case.claim.name
    return kind == "arm" or any(record.run_id.startswith(name) for _, record in case.runs())


def _ask(case: Case, rules: Iterable[Rule], waivers: Sequence[Waiver]) -> tuple[Finding, ...]:
    return fold(waive(audit(case, rules), waivers, claim=case.claim.name))


def _left_out(rules: Collection[Rule]) -> Iterator[Finding]:
    """Errors that the policy does not ask for are unknown: only waivers have owners."""
    for rule in every_rule():
        if rule not in rules and rule.severity is Severity.ERROR:
            yield Finding(
                rule=rule.name,
                code=rule.code,
                outcome=Outcome.UNKNOWN,
                severity=rule.severity,
                message="the policy leaves this rule out",
                fix="ask it, or waive it for this claim, with reason and owner",
            )


def _compared(case: Case, metric: str, direction: Direction) -> Comparison | Absent:
    """The arms by one metric; absent, with the reason, if there are too few replicates."""
    is_resplit = _is_resplit(case.arms)
    baseline, candidate = (_by_split if is_resplit else _by_seed)(case.arms, metric)
    try:
        return compare(
            baseline,
            candidate,
            higher_is_better=direction == "higher",
            kind="fold" if is_resplit else "seed",
            test_train_ratio=_test_train_ratio(case.arms) if is_resplit else None,
        )
    except TooFewReplicates as error:
        return Absent(reason=str(error), kind="not_applicable")


def _is_resplit(arms: Arms[RunRecord]) -> bool:
    """Whether the runs of an arm have other evaluation rows: folds, or a split for each seed.

    Either way their training rows overlap, so that the scores are not independent.
    """
    return any(len({_test_rows(record) for record in side}) > 1 for _, side in arms.sides())


def _test_rows(record: RunRecord) -> str | None:
    split = record.find(Split)
    return split.test_digest if split else None


def _by_seed(arms: Arms[RunRecord], metric: str) -> tuple[Values, Values]:
    """Each run's score by its seed; a run without one by its own id, so that it pairs with none.

    Folds that share their evaluation rows are averaged, over those that both arms have.
    """
    baseline, candidate = (_by_fold(records, metric) for _, records in arms.sides())

    def means(ours: ByFold, others: ByFold) -> Values:
        common = {key: folds.keys() & others.get(key, folds).keys() for key, folds in ours.items()}
        return {
            key: fmean(score for fold, score in folds.items() if fold in (common[key] or folds))
            for key, folds in ours.items()
        }

    return means(baseline, candidate), means(candidate, baseline)


def _by_fold(records: Iterable[RunRecord], metric: str) -> ByFold:
    found: dict[int | str, dict[int | None, float]] = {}
    for record in records:
        seed, fold = record.replicate.seed, record.replicate.fold
        score = _value(record, metric)
        if score is not None:
            found.setdefault(record.run_id if seed is None else seed, {})[fold] = score
    return found


def _by_split(arms: Arms[RunRecord], metric: str) -> tuple[Values, Values]:
    """One score for each set of evaluation rows: the mean over the pairs that share it."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for left, right in ((arms.baseline[i], arms.candidate[j]) for i, j in arms.pairs):
        scores = _value(left, metric), _value(right, metric)
        if scores[0] is not None and scores[1] is not None:
            groups.setdefault(str(_test_rows(left)), []).append((scores[0], scores[1]))

    def means(side: int) -> Values:
        return {rows: fmean(pair[side] for pair in pairs) for rows, pairs in groups.items()}

    return means(0), means(1)


def _value(record: RunRecord, metric: str) -> float | None:
    scores = record.find(Scores)
    return scores.value(metric) if scores else None


def _test_train_ratio(arms: Arms[RunRecord]) -> float:
    splits = [split for record in arms.every() if (split := record.find(Split))]
    return fmean(split.n_test / split.n_train for split in splits)


def _guard_results(case: Case) -> Iterator[GuardResult]:
    for guard in case.claim.guards:
        found = _compared(case, guard.metric, guard.direction)
        if isinstance(found, Absent):
            yield GuardResult(guard, outcome="unclear", comparison=None)
        else:
            enough = case.claim.replicates
            outcome = guard_outcome(found, guard.margin, min_replicates=enough)
            yield GuardResult(guard, outcome=outcome, comparison=found)


def _decided(case: Case, guards: Sequence[GuardResult]) -> Verdict:
    """The verdict on an admissible claim."""
    if isinstance(case.comparison, Absent):
        return Verdict.INCONCLUSIVE
    word = decide(
        case.claim.goal,
        case.comparison,
        margin=case.claim.margin,
        min_replicates=case.claim.replicates,
        guards=[result.outcome for result in guards],
    )
    return Verdict(word)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    codes = [rule.code for rule in every_rule()]
    return tuple(sorted(findings, key=lambda finding: codes.index(finding.code)))


def _rows(case: Case, findings: Iterable[Finding]) -> tuple[Row, ...]:
    """The table of differences: the declared ones first, then those that a rule speaks about."""
    loud = [found for found in findings if found.outcome not in SILENT]
    rows = []
    for difference in case.differences:
        values = evidence_at(difference.path, case.runs())
        speaker = next((found for found in loud if difference.path in found.paths), None)
        rows.append(
            Row(
                path=difference.path,
                baseline=values.baseline,
                candidate=values.candidate,
                declared=difference.declared_as(case.claim),
                rule=speaker.rule if speaker else None,
                is_consequence=speaker is not None and difference.path in speaker.consequences,
            )
        )
    return tuple(sorted(rows, key=_row_order))


def _row_order(row: Row) -> tuple[int, bool, str]:
    """Declared first; what only one side has after what both have."""
    is_one_sided = NOT_SET in (*row.baseline, *row.candidate)
    return ("treatment", "nuisance", None).index(row.declared), is_one_sided, row.path


def _arm_runs(case: Case) -> Iterator[ArmRun]:
    paired = {
        "baseline": {at for at, _ in case.arms.pairs},
        "candidate": {at for _, at in case.arms.pairs},
    }
    for arm, records in case.arms.sides():
        for at, record in enumerate(records):
            is_paired = at in paired[arm]
            yield ArmRun(arm, record.run_id, record.name, record.replicate, is_paired=is_paired)
