"""Finished runs of an arm's configuration are not among those that are compared.

Why: whoever runs ten seeds and shows the best five has measured the choice: the maximum of ten is
1.54 standard deviations above their mean.

Fix: let the claim select all of them; or declare beforehand which count: `seeds = [0, 1, 2, 3, 4]`.

Wrong when: the others were made for another purpose, and the claim had been committed before;
beside declared seeds they are a warning. Deleted runs count, failed ones are told by
failed-runs-missing. A repetition of a compared run counts where it scored otherwise; runs of other
code do not. What the tags of a run that is not compared say is believed.

Source: Henderson et al. 2018; Gundersen et al. 2022 on selective reporting.
"""

from collections.abc import Iterable, Iterator

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.history import Launch
from repro.record import Arms, RunRecord


@rule("STA007", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation]:
    """Every finished run of an arm's configuration is compared, or is of no declared seed."""
    for (arm, history), (_, records) in zip(ledger.sides(), runs.sides(), strict=True):
        left_out = list(_left_out(history, records))
        declared = [one for one in left_out if claim.seeds is None or one.seed in claim.seeds]
        for launches, severity in ((declared, None), (_beside(left_out, declared), WARNING)):
            if launches:
                deleted = sum(launch.is_deleted for launch in launches)
                yield Violation(
                    message=f"{arm}: {len(records)} of {len(records) + len(launches)} runs of its "
                    f"configuration are compared; left out: {_listed(launches)}"
                    + (f" ({deleted} deleted)" if deleted else ""),
                    fix="select all of them, or commit a claim with seeds = [...] before new ones",
                    points=(),
                    severity=severity,
                )


def _left_out(history: ArmHistory, records: Iterable[RunRecord]) -> Iterator[Launch]:
    """Of repetitions of a compared seed only those that scored otherwise."""
    compared = {record.replicate.seed for record in records} - {None}
    for one in history.omitted:
        if one.is_finished and (one.seed not in compared or one.run_id in history.otherwise):
            yield one


def _beside(launches: Iterable[Launch], declared: list[Launch]) -> list[Launch]:
    return [one for one in launches if one not in declared]


def _listed(launches: list[Launch]) -> str:
    named = [
        launch.run_id[:8] + ("" if launch.seed is None else f" (seed {launch.seed})")
        for launch in launches[:MAX_NAMED]
    ]
    more = len(launches) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


MAX_NAMED = 5
WARNING = Severity.WARNING

_RUNS = Arms.of(example_record(), example_record())
BAD = {
    "claim": CLAIM,
    "runs": _RUNS,
    "ledger": Ledger(candidate=ArmHistory(omitted=(example_launch(seed=7),))),
}
GOOD = {"claim": CLAIM, "runs": _RUNS, "ledger": Ledger()}
