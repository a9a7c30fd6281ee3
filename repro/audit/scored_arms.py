"""The scores of both arms, by what makes two of them a pair; and what they say about the claim."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from repro.audit.case import Case, GuardResult
from repro.audit.verdict import Verdict
from repro.claims import Claim, Direction, Goal
from repro.errors import TooFewReplicates
from repro.facts.fact import Absent
from repro.facts.scores import Score, Scores
from repro.facts.split import Split
from repro.record import Arms, RunRecord
from repro.stats.comparison import ALPHA, Comparison, compare
from repro.stats.decision import decide, guard_outcome
from repro.stats.task_comparison import compare_tasks

ByFold = Mapping[int | str, Mapping[int | None, float]]  # seed or id of the run, then fold
Values = Mapping[int | str, float]  # a score by seed, evaluation rows, or id of the run


LEVELS = (ALPHA, ALPHA / 2, ALPHA / 4, ALPHA / 10)  # that looks and a family may leave


@dataclass(frozen=True)
class ScoredArms:
    """The scores of one metric by replicate; `test_train_ratio` is None for seeds on one split."""

    baseline: Values
    candidate: Values
    test_train_ratio: float | None

    def compared(self, direction: Direction, alpha: float) -> Comparison | Absent:
        """The arms side by side; absent, with the reason, if there are too few replicates."""
        try:
            return compare(
                self.baseline,
                self.candidate,
                higher_is_better=direction == "higher",
                kind="seed" if self.test_train_ratio is None else "fold",
                test_train_ratio=self.test_train_ratio,
                alpha=alpha,
            )
        except TooFewReplicates as error:
            return Absent(reason=str(error), kind="not_applicable")


def compared(case: Case, metric: str, direction: Direction) -> Comparison | Absent:
    """The arms by one metric; absent, with the reason, if there are too few replicates."""
    if case.claim.task is not None:
        return _compared_tasks(case, case.claim.task, metric, direction)
    return scored_arms(case.arms, metric).compared(direction, case.alpha)


def scored_arms(arms: Arms[RunRecord], metric: str) -> ScoredArms:
    """The scores of every run that has one, by replicate."""
    if is_resplit(arms):
        return ScoredArms(*_by_split(arms, metric), _test_train_ratio(arms))
    return ScoredArms(*_by_seed(arms, metric), None)


def task_of(record: RunRecord, task: str) -> str:
    """The data set of a run, by the recorded path that names it."""
    return str(record.flat.get(task))


def _compared_tasks(
    case: Case, task: str, metric: str, direction: Direction
) -> Comparison | Absent:
    """The pairs of each task together."""
    sides: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for i, j in case.arms.pairs:
        pair = (case.arms.baseline[i], case.arms.candidate[j])
        scores = [value_of(record, metric) for record in pair]
        for side, record, score in zip(sides, pair, scores, strict=True):
            if score is not None and None not in scores:
                side.setdefault(task_of(record, task), []).append(score)
    if any(_is_resplit_inside(records, task) for _, records in case.arms.sides()):
        means = [{name: [fmean(found)] for name, found in side.items()} for side in sides]
        sides = (means[0], means[1])  # splits overlap: one number a task
    try:
        return compare_tasks(*sides, higher_is_better=direction == "higher", alpha=case.alpha)
    except TooFewReplicates as error:
        return Absent(reason=str(error), kind="not_applicable")


def _is_resplit_inside(records: Iterable[RunRecord], task: str) -> bool:
    """Whether runs of one task were scored on other rows of it."""
    rows: dict[str, set[str | None]] = {}
    for record in records:
        rows.setdefault(task_of(record, task), set()).add(_test_rows(record))
    return any(len(found) > 1 for found in rows.values())


def is_resplit(arms: Arms[RunRecord]) -> bool:
    """Whether the runs of an arm have other evaluation rows: folds, or a split for each seed.

    Either way their training rows overlap, so that the scores are not independent.
    """
    return any(len({_test_rows(record) for record in side}) > 1 for _, side in arms.sides())


def guard_results(case: Case) -> Iterator[GuardResult]:
    """Whether each guard metric is shown not to regress."""
    for guard in case.claim.guards:
        found = compared(case, guard.metric, guard.direction)
        if isinstance(found, Absent):
            yield GuardResult(guard, outcome="unclear", comparison=None)
        else:
            enough = case.claim.replicates
            outcome = guard_outcome(found, guard.margin, min_replicates=enough)
            yield GuardResult(guard, outcome=outcome, comparison=found)


def is_changed_by_worst(
    claim: Claim, arms: Arms[RunRecord], missing: Mapping[str, Collection[int]]
) -> bool:
    """Whether the verdict could be another one, had the missing seeds of both arms been scored.

    At the worst for the claim: a missing candidate gets the worst score of all runs, a missing
    baseline the best; where the claim is that they are equal, also the other way round. Asked of
    the metric and of every guard, at all levels that looks or a family may leave.
    """
    gates = [(claim.metric, claim.direction, claim.goal, claim.margin)]
    gates += [
        (guard.metric, guard.direction, "no-regression", guard.margin) for guard in claim.guards
    ]
    if claim.task is not None or is_resplit(arms):
        return True
    levels = LEVELS if claim.looks or claim.family else LEVELS[:1]
    return any(
        _verdicts(scored, direction, goal, margin, levels)
        != _verdicts(found, direction, goal, margin, levels)
        for metric, direction, goal, margin in gates
        for found in [scored_arms(arms, metric)]
        for scored in _imputed(found, direction, missing, is_two_sided=goal == "equivalent")
    )


def _imputed(
    found: ScoredArms,
    direction: Direction,
    missing: Mapping[str, Collection[int]],
    *,
    is_two_sided: bool,
) -> Iterator[ScoredArms]:
    """The arms with their missing seeds scored at the worst for the candidate, or also the best."""
    every = [*found.baseline.values(), *found.candidate.values()]
    if not every:
        return
    worst, best = (min(every), max(every)) if direction == "higher" else (max(every), min(every))
    for low, high in ((worst, best), (best, worst))[: 1 + is_two_sided]:
        baseline = _filled(missing["baseline"], high, found.baseline)
        candidate = _filled(missing["candidate"], low, found.candidate)
        means = fmean(baseline.values()), fmean(candidate.values())
        yield replace(  # a seed that the other arm never ran: as it scores on average
            found,
            baseline=_filled(missing["candidate"], means[0], baseline),
            candidate=_filled(missing["baseline"], means[1], candidate),
        )


def _filled(seeds: Iterable[int], score: float, known: Values) -> Values:
    """The scores, and this one for each seed that has none."""
    return {**dict.fromkeys(seeds, score), **known}


def _verdicts(
    scored: ScoredArms,
    direction: Direction,
    goal: Goal,
    margin: float | None,
    levels: Iterable[float],
) -> list[str | None]:
    """The words that the arms earn, at every level; None: too few to compare."""
    found = [scored.compared(direction, alpha) for alpha in levels]
    return [
        None if isinstance(one, Absent) else decide(goal, one, margin=margin, min_replicates=2)
        for one in found
    ]


def decided(
    claim: Claim, comparison: Comparison | Absent, guards: Iterable[GuardResult]
) -> Verdict:
    """The verdict on an admissible claim."""
    if isinstance(comparison, Absent):
        return Verdict.INCONCLUSIVE
    word = decide(
        claim.goal,
        comparison,
        margin=claim.margin,
        min_replicates=claim.replicates,
        guards=[result.outcome for result in guards],
    )
    return Verdict(word)


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
        score = value_of(record, metric)
        if score is not None:
            found.setdefault(record.run_id if seed is None else seed, {})[fold] = score
    return found


def _by_split(arms: Arms[RunRecord], metric: str) -> tuple[Values, Values]:
    """One score for each set of evaluation rows: the mean over the pairs that share it."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for left, right in ((arms.baseline[i], arms.candidate[j]) for i, j in arms.pairs):
        scores = value_of(left, metric), value_of(right, metric)
        if scores[0] is not None and scores[1] is not None:
            groups.setdefault(str(_test_rows(left)), []).append((scores[0], scores[1]))

    def means(side: int) -> Values:
        return {rows: fmean(pair[side] for pair in pairs) for rows, pairs in groups.items()}

    return means(0), means(1)


def value_of(record: RunRecord, metric: str) -> float | None:
    """The last value of a scored or logged metric of a run."""
    scores = record.find(Scores)
    return scores.value(metric) if scores else None


def score_of(record: RunRecord, metric: str) -> Score | None:
    """The last score of this name of a run."""
    scores = record.find(Scores)
    return scores.score(metric) if scores else None


def _test_train_ratio(arms: Arms[RunRecord]) -> float:
    splits = [split for record in arms.every() if (split := record.find(Split))]
    return fmean(split.n_test / split.n_train for split in splits)
