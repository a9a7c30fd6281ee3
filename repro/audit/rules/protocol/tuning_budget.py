"""The candidate was tuned more than the baseline.

Why: the best of twenty configurations beats the best of two also where the methods are equal.

Fix: give both arms as many trials, over spaces of the same size.

Wrong when: the baseline was tuned elsewhere before, or one search served both arms: cite it in a
waiver. That something was tuned for the candidate alone is told where the baseline was recorded
with a value of it; how many values of it were tried is not compared, nor are searches inside the
runs. Trials count in this experiment only: runs of the arm's treatment and data whose nuisance
differs, those of its very code that trained as long with another value that the claim does not tell
of, if at least two others were tried, and the trials of searches that were watched. So the arms of
another claim may count, too. Code that was tuned by hand, without a run, is not seen.

Source: Dodge et al. 2019, Show your work. An error above a ratio that repro.toml declares.
"""

import math
from collections.abc import Iterable, Iterator

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger, Trial
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE_POLICY, Policy
from repro.facts.tuning import Tuning
from repro.record import Arms, RunRecord


@rule("PRT009", Severity.ERROR)
def check(policy: Policy, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation]:
    """The candidate had at most so many times the trials of the baseline."""
    n_baseline, n_candidate = (
        history.n_tried + _searched(records)
        for (_, history), (_, records) in zip(ledger.sides(), runs.sides(), strict=True)
    )
    ratio = policy.budget.trials_ratio
    if n_candidate > ratio * n_baseline:
        yield Violation(
            message=f"{n_candidate} configurations were tried for the candidate and "
            f"{n_baseline} for the baseline; the budget is {ratio:g} times as many",
            fix=f"try {math.ceil(n_candidate / ratio) - n_baseline} more for the baseline",
            points=(),
            severity=None if policy.declares_trials_ratio else Severity.WARNING,
        )
    elif spaces := _tuned_alone(runs, ledger):
        yield Violation(
            message=f"tuned for the candidate alone: {', '.join(spaces)}",
            fix="try other values for the baseline, too",
            points=spaces,
            severity=Severity.WARNING,
        )


def _tuned_alone(runs: Arms[RunRecord], ledger: Ledger) -> tuple[str, ...]:
    """What the baseline has, too, and no trial of it changed; searches inside may have."""
    if _searched(runs.baseline):
        return ()
    alone = ledger.candidate.tuned - ledger.baseline.tuned
    return tuple(path for path in sorted(alone) if path in runs.baseline[0].flat)


def _searched(records: Iterable[RunRecord]) -> int:
    """Trials inside the runs: of the run that made most of them, for every seed makes its own."""
    return max(
        (
            sum(search.n_trials or 0 for search in tuning.searches)
            for record in records
            if (tuning := record.find(Tuning))
        ),
        default=0,
    )


_TRIALS = tuple(
    Trial(example_launch(seed=0), f"lr={at}", is_test_seen=False, is_other_seen=True)
    for at in range(9)
)
_RUNS = Arms.of(example_record(), example_record())
BAD = {
    "policy": EXAMPLE_POLICY,
    "runs": _RUNS,
    "ledger": Ledger(candidate=ArmHistory(trials=_TRIALS)),
}
GOOD = {
    "policy": EXAMPLE_POLICY,
    "runs": _RUNS,
    "ledger": Ledger(ArmHistory(trials=_TRIALS[:4]), ArmHistory(trials=_TRIALS)),
}
