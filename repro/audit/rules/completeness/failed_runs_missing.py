"""Runs of an arm failed, and are not among those that are compared.

Why: a configuration that diverges on one seed of five is not as good as its other four.

Fix: run the failed seeds again, or count them; tag a run that the machine killed:
`mlflow.set_tag("repro.infra", "node lost")`.

Wrong when: the run failed for a reason outside the training, and nobody tagged it. Runs that ended
before anything was recorded of them belong to no arm; neither do those of other code.

Source: Henderson et al. 2018, on runs that are left out. It is an error where the worst score of
all runs in place of a missing one (for the baseline: the best) changes the verdict.
"""

from collections.abc import Iterable, Iterator

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger
from repro.audit.rule import Severity, Violation, rule
from repro.audit.scored_arms import is_changed_by_worst
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.history import INFRA, Launch
from repro.record import Arms, RunRecord


@rule("CMP002", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation]:
    """Every run of an arm's configuration that failed was repeated, or is tagged."""
    sides = list(zip(ledger.sides(), runs.sides(), strict=True))
    failed = {arm: list(_failed(claim, one, records)) for (arm, one), (_, records) in sides}
    absent = {arm: _absent(claim, records) for _, (arm, records) in sides}
    missing = {
        arm: {launch.seed for launch in failed[arm] if launch.seed is not None} | absent[arm]
        for arm in failed
    }
    is_unseeded = any(launch.seed is None for found in failed.values() for launch in found)
    is_any = any(failed.values()) or any(absent.values())
    can_change = is_any and (is_unseeded or is_changed_by_worst(claim, runs, missing))
    severity = None if can_change else Severity.WARNING
    for arm, launches in failed.items():
        if absent[arm]:
            yield Violation(
                message=f"{arm} has no run of the declared seeds {_listed_seeds(absent[arm])}",
                fix=f"run seed {_listed_seeds(absent[arm])}",
                points=(),
                severity=severity,
            )
        if launches:
            yield Violation(
                message=f"{arm}: {_counted(launches)} of its configuration did not finish and "
                f"{'is' if len(launches) == 1 else 'are'} left out: {_listed(launches)}",
                fix=f"run {_seeds(missing[arm])}again, or tag the run with {INFRA} and the reason",
                points=(),
                severity=severity,
            )


def _absent(claim: Claim, records: Iterable[RunRecord]) -> set[int]:
    """The declared seeds of which an arm has no run."""
    present = {record.replicate.seed for record in records}
    return {seed for seed in claim.seeds or () if seed not in present}


def _failed(claim: Claim, history: ArmHistory, records: Iterable[RunRecord]) -> Iterator[Launch]:
    """Those that no run of the arm repeated; of the declared seeds, if there are any."""
    repeated = {record.replicate.seed for record in records} - {None}
    for launch in history.omitted:
        is_meant = claim.seeds is None or launch.seed is None or launch.seed in claim.seeds
        is_lost = not launch.is_finished and launch.seed not in repeated
        if is_meant and is_lost and INFRA not in launch.tags:
            yield launch


def _counted(launches: list[Launch]) -> str:
    return "1 run" if len(launches) == 1 else f"{len(launches)} runs"


def _listed(launches: list[Launch]) -> str:
    named = [f"{launch.run_id[:8]} {launch.status}" for launch in launches[:MAX_NAMED]]
    more = len(launches) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _seeds(seeds: Iterable[int]) -> str:
    listed = _listed_seeds(seeds)
    return f"seed {listed} " if listed else ""


def _listed_seeds(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


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
