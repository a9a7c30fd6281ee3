"""An arm is compared on the seeds that it was tuned on.

Why: the configuration was chosen because it did well with these seeds; with fresh ones it does a
little worse, and the arm that was tuned more loses more.

Fix: tune on some seeds, compare on others.

Wrong when: both arms were tuned alike on these seeds, and much of the noise is not theirs.

Source: Bouthillier et al. 2021, section 3 on sources of variation.
"""

from collections.abc import Iterator

from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger, Trial
from repro.audit.rule import Severity, Violation, rule
from repro.record import Arms, RunRecord


@rule("STA008", Severity.WARNING, preview=True)
def check(runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation]:
    """No trial of an arm had a seed that the arm is compared on."""
    for (arm, history), (_, records) in zip(ledger.sides(), runs.sides(), strict=True):
        tuned = {seed for trial in history.trials if (seed := trial.launch.seed) is not None}
        reused = {seed for record in records if (seed := record.replicate.seed) in tuned}
        if reused:
            yield Violation(
                message=f"{arm}: {len(history.trials)} trials of other configurations used the "
                f"seeds it is compared on: {', '.join(map(str, sorted(reused, key=str)))}",
                fix="compare on seeds that no trial had",
                points=("determinism.seed",),
            )


_TRIAL = Trial(example_launch(seed=0), "lr=0.01", is_test_seen=False, is_other_seen=True)
_RUNS = Arms.of(example_record(), example_record())
BAD = {"runs": _RUNS, "ledger": Ledger(candidate=ArmHistory(trials=(_TRIAL,)))}
GOOD = {"runs": _RUNS, "ledger": Ledger()}
