"""What was launched in an experiment besides the runs of a claim; failed and deleted runs count."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from repro.audit.beginning import Beginning, Kinship, of_unsealed
from repro.audit.case import Case
from repro.audit.configuration import differing, is_tree, matches
from repro.audit.equality import same
from repro.audit.ledger import (
    CODE,
    ArmHistory,
    Ledger,
    Trial,
    is_omitted,
    n_test_configurations,
    setups,
    trial,
)
from repro.audit.scored_arms import value_of
from repro.audit.sealed_tags import as_sealed
from repro.claims import Claim
from repro.errors import RecordCorrupt
from repro.facts.budget import Budget
from repro.facts.fact import Scalar
from repro.facts.outcome import Outcome
from repro.history import COMMIT, History, Launch
from repro.observe.declared import declared
from repro.record import SEAL, RunRecord, is_per_replicate
from repro.record_tags import CHOSEN, DATA, OBSERVED, tree_digest

MAX_READ = 5_000  # records of runs that are not compared, the newest: a minute
LONGER = 3  # times the longest run of the claim: so long may another one be RUNNING
SPARE = timedelta(minutes=10)
NOT_TUNED = ("code", "lineage", "split")  # of what is chosen
OF_MODEL = "optimizer.n_parameters"  # another model has more of them: no other treatment
GRID = 2  # values besides the arm's


def ledger_of(case: Case, history: History) -> Ledger:
    """The experiment around a claim: one listing, and the records of what may bear on it."""
    launches = {launch.run_id: launch for launch in history.launches()}
    counted = [*case.arms.every(), *(rerun.superseded for rerun in case.reruns.pairs)]
    known = {record.run_id for record in counted}
    others = [launch for launch in launches.values() if launch.run_id not in known]
    sides = [_Side.of(case, records, launches) for _, records in case.arms.sides()]
    likely = _worth_reading(others, sides)
    told = _sort_in(others, sides, history, likely[-MAX_READ:])
    ours = [launch for side in sides for launch in side.arm]
    looks = _looks(case.claim.name, ours)
    baseline, candidate = (side.history() for side in sides)
    return Ledger(
        baseline,
        candidate,
        n_test_configurations=n_test_configurations(
            ours, [launch for launch in launches.values() if launch.run_id in known] + told
        ),
        looks=looks,
        n_unread=max(len(likely) - MAX_READ, 0),
        n_added=sum(launch.started_at > looks[0][0] for launch in ours) if looks else 0,
        going_on=frozenset(_going_on(told, case.arms.every())),
        before_seeds=frozenset(_before_seeds(case, [*baseline.omitted, *candidate.omitted])),
    )


@dataclass
class _Side:
    """One arm, and what was found of it so far."""

    claim: Claim
    records: Sequence[RunRecord]
    arm: Sequence[Launch]
    between: Collection[str]  # paths at which the arms differ
    omitted: list[Launch] = field(default_factory=list)
    possible: list[Launch] = field(default_factory=list)
    unscored: list[Launch] = field(default_factory=list)
    stripped: list[Launch] = field(default_factory=list)
    otherwise: set[str] = field(default_factory=set)
    trials: list[Trial] = field(default_factory=list)
    untold: list[tuple[Trial, Mapping[str, Scalar]]] = field(default_factory=list)

    @classmethod
    def of(
        cls, case: Case, records: Sequence[RunRecord], launches: Mapping[str, Launch]
    ) -> "_Side":
        arm = [launches[record.run_id] for record in records if record.run_id in launches]
        between = {found.path for found in case.differences if found.is_between}
        return cls(case.claim, records, arm, between)

    def __post_init__(self) -> None:
        self.kept = {record.replicate.seed: record for record in self.records}
        self.setups = setups(self.arm)
        listed = {launch.run_id: launch for launch in self.arm}
        self.beginnings = {
            Beginning.of_arm(listed[record.run_id], record)
            for record in self.records
            if record.run_id in listed
        }

    def kinship(self, launch: Launch) -> Kinship | None:
        """Of a run that was not sealed."""
        began = of_unsealed(launch)
        found = {began.kinship(one) for one in self.beginnings} if began else set()
        return "sure" if "sure" in found else "possible" if "possible" in found else None

    def take(self, launch: Launch, record: RunRecord | None) -> None:
        """Sort in a run that was sealed."""
        if is_omitted(launch, self.setups):
            is_unscored = record is not None and value_of(record, self.claim.metric) is None
            if is_unscored and launch.is_finished:
                self.unscored.append(launch)
                return
            self.omitted.append(launch)
            if record is not None and self._is_otherwise(launch, record):
                self.otherwise.add(launch.run_id)
        elif record is not None and self.arm and self._is_of_data(launch):
            self._try(launch, record)

    def _try(self, launch: Launch, record: RunRecord) -> None:
        """Count a run of the arm's treatment that differs from it in what can be tuned."""
        changed = differing(record, self.records[0])
        tuned = {path for path in changed if matches(path, self.claim.nuisance)}
        treated = (path for path in changed - tuned if matches(path, self.claim.treatment))
        if any(path != OF_MODEL for path in treated):
            return
        if tuned:
            self.trials.append(trial(launch, record, _chosen(tuned)))
        elif _is_alike(changed, record, self.records[0]):
            chosen = _chosen(changed - set(self.between))
            values = {path: record.flat.get(path) for path in chosen}
            self.untold.append((trial(launch, record, chosen), values))

    def _grid(self) -> Iterator[Trial]:
        """Trials of a value that the claim does not tell of, and that was tried more than once.

        One other value is another question: an ablation, or an arm of another claim.
        """
        tried: dict[str, set[Scalar]] = defaultdict(set)
        for _, values in self.untold:
            for path, value in values.items():
                tried[path].add(value)
        for one, values in self.untold:
            if any(len(tried[path]) >= GRID for path in values):
                yield one

    def _is_of_data(self, launch: Launch) -> bool:
        return launch.tags.get(DATA) in {one.tags.get(DATA) for one in self.arm} - {None}

    def may_be_trial(self, launch: Launch) -> bool:
        """Whether the listing leaves it open: data and treated facts as in the arm, others not."""
        if not self.arm:
            return False
        tuned = {_fact(glob) for glob in self.claim.nuisance} | {"params"}
        treated = {_fact(glob) for glob in self.claim.treatment} - tuned - {*CODE}
        ours, theirs = launch.setup, self.arm[0].setup
        is_treated = all(ours.get(key) == theirs.get(key) for key in treated)
        is_tuned = any(ours.get(key) != theirs.get(key) for key in tuned)
        return is_treated and is_tuned and self._is_of_data(launch)

    def _is_otherwise(self, launch: Launch, again: RunRecord) -> bool:
        """Whether it repeats a run in everything that is compared, and scored otherwise."""
        first = self.kept.get(launch.seed) if launch.seed is not None else None
        if first is None or not launch.is_finished:
            return False
        is_same = same(value_of(again, self.claim.metric), value_of(first, self.claim.metric))
        return not is_same and not differing(again, first)

    def history(self) -> ArmHistory:
        """All that was found."""
        return ArmHistory(
            omitted=tuple(self.omitted),
            otherwise=frozenset(self.otherwise),
            trials=tuple(self.trials),
            possible=tuple(self.possible),
            untold=tuple(self._grid()),
            unscored=tuple(self.unscored),
            stripped=tuple(self.stripped),
        )


def _sort_in(
    others: Sequence[Launch], sides: Sequence[_Side], history: History, likely: Collection[str]
) -> list[Launch]:
    """Give each run to the sides it may be of; those that are trainings of their own.

    What a run is, is told by its record where that was read, for its tags could excuse it.
    """
    read, told = set(likely), []
    for listed in others:
        if _is_stripped(listed):
            _take_stripped(listed, sides)
            continue
        record = _read(listed, history) if listed.run_id in read else None
        launch = listed if record is None else as_sealed(listed, record)
        if not launch.is_replicate:
            continue
        told.append(launch)
        if launch.setup:
            for side in sides:
                side.take(launch, record)
        elif not launch.is_finished:
            _take_unsealed(launch, sides)
    return told


def _is_stripped(launch: Launch) -> bool:
    return launch.is_finished and SEAL not in launch.tags and bool(launch.setup or launch.begun)


def _take_stripped(launch: Launch, sides: Sequence[_Side]) -> None:
    """A run that has no seal any more: what it was is not believed, what it began as may be."""
    of_setup = [side for side in sides if is_omitted(launch, side.setups)]
    for side in of_setup or [side for side in sides if side.kinship(launch)]:
        side.stripped.append(launch)


def _take_unsealed(launch: Launch, sides: Sequence[_Side]) -> None:
    """A run that began as those of both arms may be of either."""
    found = [(side, kinship) for side in sides if (kinship := side.kinship(launch))]
    for side, kinship in found:
        is_sure = kinship == "sure" and len(found) == 1
        (side.omitted if is_sure else side.possible).append(launch)


def _worth_reading(others: Iterable[Launch], sides: Sequence[_Side]) -> Sequence[str]:
    """Runs that were sealed, and are of one program with an arm, or likely its trials; by age."""
    arms = [launch for side in sides for launch in side.arm]
    commits = {one.tags[COMMIT] for one in arms if COMMIT in one.tags}
    programs = {(key, one.setup[key]) for one in arms for key in CODE if key in one.setup}
    return [
        launch.run_id
        for launch in others
        if SEAL in launch.tags
        and (
            launch.tags.get(COMMIT) in commits
            or not programs.isdisjoint(launch.setup.items())
            or any(side.may_be_trial(launch) for side in sides)
        )
    ]


def _read(launch: Launch, history: History) -> RunRecord | None:
    try:
        return history.sealed(launch)
    except RecordCorrupt:
        return None


def _fact(glob: str) -> str:
    return re.split(r"[.:]", glob)[0]


def _is_alike(changed: Iterable[str], tried: RunRecord, record: RunRecord) -> bool:
    """Whether one program trained as long on the same rows."""
    others = ("code.", "data.", "split.")
    is_other = any(path.startswith(others) and not is_tree(path) for path in changed)
    return not is_other and _is_as_long(tried, record)


def _chosen(paths: Iterable[str]) -> Collection[str]:
    """Those that somebody chose; where parameters tell of it, not what came of them."""
    keys = {*CHOSEN, *OBSERVED} - {*NOT_TUNED}
    found = {
        path for path in paths if path.partition(".")[0] in keys and not is_per_replicate(path)
    }
    return {path for path in found if path.startswith("params.")} or found


def _is_as_long(tried: RunRecord, record: RunRecord) -> bool:
    """Whether it trained for as many steps: a try of the script itself does not."""
    n_steps, wanted = (
        found.n_steps if (found := one.find(Budget)) else None for one in (tried, record)
    )
    return n_steps is None or wanted is None or n_steps >= wanted


def _going_on(launches: Iterable[Launch], records: Iterable[RunRecord]) -> Iterator[str]:
    """Those that run, and those that may: where this machine cannot tell, for so long."""
    endings = [ending for record in records if (ending := record.find(Outcome))]
    took = (one.ended_at - one.started_at for one in endings if one.ended_at)
    longest = max((timedelta(), *took))  # clocks are set back
    since = datetime.now(UTC) - LONGER * longest - SPARE
    for launch in launches:
        is_young = launch.is_live is None and launch.started_at > since
        is_running = launch.status == "RUNNING" and not launch.is_deleted
        if is_running and (launch.is_live or is_young):
            yield launch.run_id


def _before_seeds(case: Case, launches: Iterable[Launch]) -> Iterator[str]:
    """Those of no declared seed that were there before the seeds were declared."""
    claim = case.claim
    beside = [one for one in launches if claim.seeds is not None and one.seed not in claim.seeds]
    since = declared(case.policy.file, claim) if beside else None
    if since is None:
        return
    for launch in beside:
        is_of_commit = since.tree and launch.setup.get("tree") == tree_digest(since.tree)
        if launch.started_at < since.at and not is_of_commit:
            yield launch.run_id


def _looks(claim: str, ours: Iterable[Launch]) -> tuple[tuple[datetime, int], ...]:
    """When an audit printed numbers of this claim, and of how many of its runs, oldest first."""
    first: dict[datetime, int] = {}
    for launch in ours:
        if claim in launch.looks:
            at = launch.looks[claim]
            first[at] = first.get(at, 0) + 1
    total, found = 0, []
    for at in sorted(first):
        total += first[at]
        found.append((at, total))
    return tuple(found)
