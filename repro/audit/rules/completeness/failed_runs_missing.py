"""Runs of an arm failed, and are not among those that are compared.

Why: a configuration that diverges on one seed of five is not as good as its other four.

Fix: run the failed seeds again, or count them; tag a run that the machine killed:
`mlflow.MlflowClient(URI).set_tag(RUN_ID, "repro.infra", "node lost")`.

Wrong when: the run failed for a reason outside the training, and nobody tagged it; what the tag
says is printed, not proved. Runs of other code belong to no arm; of one that was killed at once the
script, the commit and the parameters tell which arm it may be of. A run of another machine that
MLflow calls RUNNING is believed for three times as long as the longest run of the claim.

Source: Henderson et al. 2018, on runs that are left out. It is an error where the worst score of
all runs in place of a missing one (for the baseline: the best) changes the verdict.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger
from repro.audit.listing import listed
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
    failed = [launch for one in missing.values() for launch in one.failed]
    unsure = [launch for one in missing.values() for launch in one.unsure]
    lost = {arm: {*one.absent, *_seeds(one.failed)} for arm, one in missing.items()}
    may_be_lost = {arm: {*lost[arm], *_seeds(one.unsure)} for arm, one in missing.items()}
    severity = _severity(claim, runs, lost, failed)
    severity_if_lost = _severity(claim, runs, may_be_lost, [*failed, *unsure]) if unsure else None
    for arm, one in missing.items():
        yield from _failures(arm, one, lost[arm], severity)
        if one.unsure:
            yield _unsure(arm, one.unsure, severity_if_lost)
        yield from _notes(arm, one)


Fate = Literal["failed", "unsure", "infra", "going_on"]


@dataclass(frozen=True)
class _Missing:
    """What an arm does not have, and why."""

    absent: frozenset[int]  # declared seeds of which there is no run
    failed: tuple[Launch, ...]
    unsure: tuple[Launch, ...]  # it may be that they failed, or that they are of the arm
    infra: tuple[Launch, ...]  # the machine failed, somebody says
    going_on: tuple[Launch, ...]


def _missing(
    claim: Claim, ledger: Ledger, history: ArmHistory, records: Iterable[RunRecord]
) -> _Missing:
    """Of the runs that no run of the arm repeated; of the declared seeds, if there are any."""
    present = {record.replicate.seed for record in records} - {None}
    left_out = [
        launch
        for launch in (*history.omitted, *history.possible)
        if not launch.is_finished and launch.seed not in present and ledger.is_meant(claim, launch)
    ]

    def of(fate: Fate) -> tuple[Launch, ...]:
        return tuple(one for one in left_out if _fate(one, history, ledger) == fate)

    return _Missing(
        absent=frozenset(seed for seed in claim.seeds or () if seed not in present),
        failed=of("failed"),
        unsure=of("unsure"),
        infra=of("infra"),
        going_on=of("going_on"),
    )


def _fate(launch: Launch, history: ArmHistory, ledger: Ledger) -> Fate:
    is_silent = launch.status == "RUNNING" and launch.is_live is None and not launch.is_deleted
    if INFRA in launch.tags:
        return "infra"
    if launch.run_id in ledger.going_on:
        return "going_on"
    return "unsure" if is_silent or launch in history.possible else "failed"


def _severity(
    claim: Claim,
    runs: Arms[RunRecord],
    missing: Mapping[str, Collection[int]],
    launches: Sequence[Launch],
) -> Severity | None:
    """As the rule declares, where the worst score in place of the missing ones would matter."""
    is_unseeded = any(launch.seed is None for launch in launches)
    can_change = is_unseeded or (
        any(missing.values()) and is_changed_by_worst(claim, runs, missing)
    )
    return None if can_change else Severity.WARNING


def _failures(
    arm: str, missing: _Missing, seeds: Collection[int], severity: Severity | None
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
            fix=f"run {again}again; or, if the machine failed, {_how_to_tag(missing.failed)}",
            points=(),
            severity=severity,
        )


def _unsure(arm: str, launches: Sequence[Launch], severity: Severity | None) -> Unknown:
    return Unknown(
        message=f"{arm}: {_counted(launches)} may be of its configuration, and left too little to "
        f"tell: {_listed(launches)}",
        fix="`repro recover` on the machine of the run; else run it again, or, if the machine "
        f"failed, {_how_to_tag(launches)}",
        points=(),
        severity=severity,
    )


def _how_to_tag(launches: Sequence[Launch]) -> str:
    """By the client: `mlflow.set_tag` would open a new run, and tag that."""
    return f'mlflow.MlflowClient(URI).set_tag("{launches[0].run_id}", "{INFRA}", "node lost")'


def _notes(arm: str, missing: _Missing) -> Iterator[Violation]:
    """What excuses a run is somebody's word: a reader shall see it."""
    if missing.infra:
        yield Violation(
            message=f"{arm}: {_counted(missing.infra)} {_are(missing.infra)} left out as lost to "
            f"the machine: {_listed(missing.infra)}",
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


def _counted(launches: Sequence[Launch]) -> str:
    return "1 run" if len(launches) == 1 else f"{len(launches)} runs"


def _are(launches: Sequence[Launch]) -> str:
    return "is" if len(launches) == 1 else "are"


def _listed(launches: Iterable[Launch]) -> str:
    return listed([_named(launch) for launch in launches], MAX_NAMED)


def _named(launch: Launch) -> str:
    reason = f" ({launch.tags[INFRA]})" if INFRA in launch.tags else ""
    return f"{launch.run_id[:8]} {launch.status}{reason}"


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
