"""What was launched in an experiment besides the runs of a claim; failed and deleted runs count."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from repro.audit.case import Case
from repro.audit.configuration import differing, matches
from repro.audit.equality import same
from repro.audit.ledger import (
    CODE,
    ArmHistory,
    Ledger,
    Trial,
    n_test_configurations,
    omitted,
    trial,
)
from repro.audit.scored_arms import value_of
from repro.claims import Claim
from repro.errors import RecordCorrupt
from repro.history import History, Launch
from repro.record import RunRecord
from repro.record_tags import DATA

MAX_TRIALS = 500  # records that are read; the newest


def ledger_of(case: Case, history: History) -> Ledger:
    """The experiment around a claim: one listing, and the records of what may be its trials."""
    launches = {launch.run_id: launch for launch in history.launches()}
    counted = [*case.arms.every(), *(rerun.superseded for rerun in case.reruns.pairs)]
    known = {record.run_id for record in counted}
    others = [launch for launch in launches.values() if launch.run_id not in known]
    arms = [
        [launches[record.run_id] for record in records if record.run_id in launches]
        for _, records in case.arms.sides()
    ]
    baseline, candidate = (
        _arm_history(case.claim, arm, records, others, history)
        for arm, (_, records) in zip(arms, case.arms.sides(), strict=True)
    )
    ours = [launch for arm in arms for launch in arm]
    looks = _looks(case.claim.name, ours)
    return Ledger(
        baseline,
        candidate,
        n_test_configurations=n_test_configurations(ours, launches.values()),
        looks=looks,
        n_added=sum(launch.started_at > looks[0][0] for launch in ours) if looks else 0,
    )


def _arm_history(
    claim: Claim,
    arm: Sequence[Launch],
    records: Sequence[RunRecord],
    others: Sequence[Launch],
    history: History,
) -> ArmHistory:
    left_out = tuple(omitted(arm, others))
    rest = [launch for launch in others if launch not in left_out]
    trials = _trials(claim, records[0], arm, rest, history) if records and arm else ()
    otherwise = frozenset(_otherwise(claim.metric, records, left_out, history))
    return ArmHistory(left_out, otherwise, tuple(trials))


def _otherwise(
    metric: str, records: Sequence[RunRecord], left_out: Iterable[Launch], history: History
) -> Iterator[str]:
    """Those that repeat a compared run in everything that is compared, and scored otherwise."""
    kept = {record.replicate.seed: record for record in records}
    for launch in left_out:
        if launch.is_finished and launch.seed in kept and launch.seed is not None:
            with suppress(RecordCorrupt):
                again, first = history.sealed(launch), kept[launch.seed]
                is_same = same(value_of(again, metric), value_of(first, metric))
                if not is_same and not differing(again, first):
                    yield launch.run_id


def _trials(
    claim: Claim,
    record: RunRecord,
    arm: Sequence[Launch],
    others: Iterable[Launch],
    history: History,
) -> Iterator[Trial]:
    """Runs of the arm's treatment and data whose other declared values differ."""
    likely = [launch for launch in others if _may_be_trial(claim, launch, arm)]
    for launch in likely[-MAX_TRIALS:]:
        try:
            tried = history.sealed(launch)
        except RecordCorrupt:
            continue
        if _is_trial(claim, tried, record):
            yield trial(launch, tried)


def _may_be_trial(claim: Claim, launch: Launch, arm: Sequence[Launch]) -> bool:
    """Whether a listing alone leaves it open: data and treated facts as in the arm, others not."""
    tuned = {_fact(glob) for glob in claim.nuisance} | {"params"}
    treated = {_fact(glob) for glob in claim.treatment} - tuned - {*CODE}
    ours, theirs = launch.setup, arm[0].setup
    is_of_data = launch.tags.get(DATA) in {one.tags.get(DATA) for one in arm} - {None}
    is_treated = all(ours.get(key) == theirs.get(key) for key in treated)
    return is_of_data and is_treated and any(ours.get(key) != theirs.get(key) for key in tuned)


def _fact(glob: str) -> str:
    return re.split(r"[.:]", glob)[0]


def _is_trial(claim: Claim, tried: RunRecord, record: RunRecord) -> bool:
    """Whether it has the arm's treatment, and differs from it in what the claim lets be tuned."""
    changed = differing(tried, record)
    tuned = {path for path in changed if matches(path, claim.nuisance)}
    treated = {path for path in changed - tuned if matches(path, claim.treatment)}
    return bool(tuned) and not treated


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
