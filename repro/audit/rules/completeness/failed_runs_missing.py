"""Runs of an arm failed, and are not among those that are compared.

Why: a configuration that diverges on one seed of five is not as good as its other four.

Fix: run the failed seeds again, or count them; tag a run that the machine killed:
`mlflow.set_tag("repro.infra", "node lost")`.

Wrong when: the run failed for a reason outside the training, and nobody tagged it; what the tag
says is printed, not proved. Runs of other code belong to no arm; of one that was killed at once the
script, the commit and the parameters tell which arm it may be of. A run of another machine that
MLflow calls RUNNING is believed for three times as long as the longest run of the claim.

Source: Henderson et al. 2018, on runs that are left out. It is an error where the worst score of
all runs in place of a missing one (for the baseline: the best) changes the verdict.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.audit.scored_arms import is_changed_by_worst
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.history import INFRA, Launch
from repro.record import Arms, RunRecord


@rule("CMP002", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation | Unknown]:
    """Every run of an arm's configuration that failed was repeated, or is tagged."""
    sides = zip(ledger.sides(), runs.sides(), strict=True)
    missing = {arm: _missing(claim, ledger, one, records) for (arm, one), (_, records) in sides}
    lost = {arm: {*one.absent, *_seeds(one.failed)} for arm, one in missing.items()}
    unsure = {arm: lost[arm] | {*_seeds(one.unsure)} for arm, one in missing.items()}
    for arm, one in missing.items():
        if one.absent or one.failed:
            severity = _severity(claim, runs, lost, [x.failed for x in missing.values()])
            yield from _failures(arm, one, lost[arm], severity)
        if one.unsure:
            launches = [launch for x in missing.values() for launch in (x.failed, x.unsure)]
            yield Unknown(
                message=f"{arm}: {_counted(one.unsure)} may be of its configuration, and left too "
                f"little to tell: {_listed(one.unsure)}",
                fix=f"`repro recover` on the machine of the run; else run it again, or tag it with "
                f"{INFRA} and the reason",
                points=(),
                severity=_severity(claim, runs, unsure, launches),
            )
        yield from _notes(arm, one)


@dataclass(frozen=True)
class _Missing:
    """What an arm does not have, and why."""

    absent: frozenset[int]  # declared seeds of which there is no run
    failed: list[Launch]
    unsure: list[Launch]  # it may be that they failed, or that they are of the arm
    infra: list[Launch]  # the machine failed, somebody says
    going_on: list[Launch]


def _missing(
    claim: Claim, ledger: Ledger, history: ArmHistory, records: Iterable[RunRecord]
) -> _Missing:
    """Of the runs that no run of the arm repeated; of the declared seeds, if there are any."""
    present = {record.replicate.seed for record in records} - {None}
    absent = frozenset(seed for seed in claim.seeds or () if seed not in present)
    found = _Missing(absent, [], [], [], [])
    for launch in (*history.omitted, *history.possible):
        is_repeated = launch.seed in present
        if launch.is_finished or is_repeated or not ledger.is_meant(claim, launch):
            continue
        is_silent = launch.status == "RUNNING" and launch.is_live is None and not launch.is_deleted
        if INFRA in launch.tags:
            found.infra.append(launch)
        elif launch.run_id in ledger.going_on:
            found.going_on.append(launch)
        elif is_silent or launch in history.possible:
            found.unsure.append(launch)
        else:
            found.failed.append(launch)
    return found


def _severity(
    claim: Claim,
    runs: Arms[RunRecord],
    missing: Mapping[str, set[int]],
    launches: Iterable[list[Launch]],
) -> Severity | None:
    """As the rule declares, where the worst score in place of the missing ones would matter."""
    is_unseeded = any(launch.seed is None for found in launches for launch in found)
    can_change = is_unseeded or is_changed_by_worst(claim, runs, missing)
    return None if can_change else Severity.WARNING


def _failures(
    arm: str, missing: _Missing, seeds: set[int], severity: Severity | None
) -> Iterator[Violation]:
    if missing.absent:
        absent = ", ".join(map(str, sorted(missing.absent)))
        yield Violation(
            message=f"{arm} has no run of the declared seeds {absent}",
            fix=f"run seed {absent}",
            points=(),
            severity=severity,
        )
    if missing.failed:
        again = f"seed {', '.join(map(str, sorted(seeds)))} " if seeds else ""
        yield Violation(
            message=f"{arm}: {_counted(missing.failed)} of its configuration did not finish and "
            f"{_are(missing.failed)} left out: {_listed(missing.failed)}",
            fix=f"run {again}again, or tag the run with {INFRA} and the reason",
            points=(),
            severity=severity,
        )


def _notes(arm: str, missing: _Missing) -> Iterator[Violation]:
    """What excuses a run is somebody's word: a reader shall see it."""
    if missing.infra:
        reasons = ", ".join(
            f"{launch.run_id[:8]} {launch.status} ({launch.tags[INFRA]})"
            for launch in missing.infra[:MAX_NAMED]
        )
        yield Violation(
            message=f"{arm}: {_counted(missing.infra)} {_are(missing.infra)} left out as lost to "
            f"the machine: {reasons}{_more(missing.infra)}",
            fix="run them again",
            points=(),
            severity=Severity.NOTE,
        )
    if missing.going_on:
        yield Violation(
            message=f"{arm}: {_counted(missing.going_on)} of its configuration "
            f"{_are(missing.going_on)} still running: {_listed(missing.going_on)}",
            fix="judge the claim again when they have ended",
            points=(),
            severity=Severity.NOTE,
        )


def _seeds(launches: Iterable[Launch]) -> Iterator[int]:
    return (launch.seed for launch in launches if launch.seed is not None)


def _counted(launches: list[Launch]) -> str:
    return "1 run" if len(launches) == 1 else f"{len(launches)} runs"


def _are(launches: list[Launch]) -> str:
    return "is" if len(launches) == 1 else "are"


def _listed(launches: list[Launch]) -> str:
    named = [f"{launch.run_id[:8]} {launch.status}" for launch in launches[:MAX_NAMED]]
    return ", ".join(named) + _more(launches)


def _more(launches: list[Launch]) -> str:
    more = len(launches) - MAX_NAMED
    return f" and {more} more" if more > 0 else ""


MAX_NAMED = 5

_RUNS = Arms.of(example_record(), example_record())
BAD = {
    "claim": CLAIM,
    "runs": _RUNS,
    "ledger": Ledger(candidate=ArmHistory(omitted=(example_launch(seed=3, status="FAILED"),))),
}
GOOD = {
    "claim": CLAIM,
    "runs": _RUNS,
    "ledger": Ledger(candidate=ArmHistory(omitted=(example_launch(seed=0, status="FAILED"),))),
}
