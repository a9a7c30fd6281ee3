"""Finished runs of an arm's configuration are not among those that are compared.

Why: whoever runs ten seeds and shows the best five has measured the choice: the maximum of ten is
1.54 standard deviations above their mean.

Fix: let the claim select all of them; or declare beforehand which count: `seeds = [0, 1, 2, 3, 4]`.

Wrong when: the others were made for another purpose, and the claim had been committed before;
beside declared seeds they are a warning. Seeds are declared when the commit is made that names
them: those of runs that were there before count. Where git does not tell, they are a warning; who
dates a commit back is not seen. Deleted runs count, failed ones are told by failed-runs-missing. A
repetition of a compared run counts where it scored otherwise; runs of other code do not, and of
those that have no value of the metric, as trials on validation rows, a note is made. Tags of a run
that is not compared are believed where its record is gone.

Source: Henderson et al. 2018; Gundersen et al. 2022 on selective reporting.
"""

from collections.abc import Iterable, Iterator, Sequence

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger
from repro.audit.listing import listed
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.audit.scored_arms import value_of
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.history import Launch
from repro.record import Arms, RunRecord


@rule("STA007", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation | Unknown]:
    """Every finished run of an arm's configuration is compared, or is of no declared seed."""
    if ledger.n_unread:
        yield Unknown(
            message=f"the records of {ledger.n_unread} older runs were not read: there are too "
            "many runs of an arm's code",
            fix="give every question an experiment of its own",
            points=(),
            severity=WARNING,
        )
    for (arm, history), (_, records) in zip(ledger.sides(), runs.sides(), strict=True):
        left_out = list(_left_out(history, records))
        meant = [one for one in left_out if ledger.is_meant(claim, one)]
        for launches, severity in ((meant, None), (_beside(left_out, meant), WARNING)):
            if launches:
                deleted = sum(launch.is_deleted for launch in launches)
                yield Violation(
                    message=f"{arm}: {len(records)} of {len(records) + len(launches)} runs of its "
                    f"configuration are compared; left out: {_listed(launches)}"
                    + (f" ({deleted} deleted)" if deleted else "")
                    + _when(claim, launches, ledger),
                    fix=_fix(launches),
                    points=(),
                    severity=severity,
                )
        if history.stripped:
            yield _stripped(arm, history.stripped)
        if history.unscored and any(value_of(one, claim.metric) is not None for one in records):
            yield _unscored(arm, claim, history.unscored, len(records))


def _stripped(arm: str, launches: Sequence[Launch]) -> Unknown:
    """Without its seal nobody knows whether the tags of a run are those that it was given."""
    return Unknown(
        message=f"{arm}: runs that came to their end, and may be of its configuration, have no "
        f"sealed record: {_listed(launches)}",
        fix="`repro recover` seals a run whose end was lost; set the tag repro.record again where "
        "somebody has deleted it",
        points=(),
    )


def _unscored(arm: str, claim: Claim, launches: Sequence[Launch], n_compared: int) -> Violation:
    """Who tunes on other rows makes some; whoever makes many may have chosen seeds by them."""
    n, is_one = len(launches), len(launches) == 1
    return Violation(
        message=f"{arm}: {n} more run{'' if is_one else 's'} of its configuration "
        f"{'has' if is_one else 'have'} no {claim.metric}: {_listed(launches)}",
        fix="if they tuned the arm, leave them; a seed must not be chosen by another score",
        points=(),
        severity=Severity.NOTE if n < n_compared else WARNING,
    )


def _fix(launches: Sequence[Launch]) -> str:
    if all(launch.is_deleted for launch in launches):
        return f"restore them, and select all: mlflow runs restore --run-id {launches[0].run_id}"
    return "select all of them, or commit a claim with seeds = [...] before new ones"


def _left_out(history: ArmHistory, records: Iterable[RunRecord]) -> Iterator[Launch]:
    """Of repetitions of a compared seed only those that scored otherwise."""
    compared = {record.replicate.seed for record in records} - {None}
    for one in history.omitted:
        if one.is_finished and (one.seed not in compared or one.run_id in history.otherwise):
            yield one


def _when(claim: Claim, launches: Iterable[Launch], ledger: Ledger) -> str:
    n = sum(launch.run_id in ledger.before_seeds for launch in launches)
    return f"; {n} of them ran before seeds = {list(claim.seeds or ())} was committed" if n else ""


def _beside(launches: Iterable[Launch], meant: list[Launch]) -> list[Launch]:
    return [one for one in launches if one not in meant]


def _listed(launches: Iterable[Launch]) -> str:
    return listed([_named(launch) for launch in launches], MAX_NAMED)


def _named(launch: Launch) -> str:
    """With what was done to hide it."""
    said = [] if launch.seed is None else [f"seed {launch.seed}"]
    if launch.altered:
        said.append(f"altered since it was sealed: {', '.join(launch.altered)}")
    return f"{launch.run_id[:8]} ({'; '.join(said)})" if said else launch.run_id[:8]


MAX_NAMED = 5
WARNING = Severity.WARNING

_RUNS = Arms.of(example_record(), example_record())
BAD = {
    "claim": CLAIM,
    "runs": _RUNS,
    "ledger": Ledger(candidate=ArmHistory(omitted=(example_launch(seed=7),))),
}
GOOD = {"claim": CLAIM, "runs": _RUNS, "ledger": Ledger()}
