"""The same configuration with the same seed gave another score when it was run again.

Why: the seed does not hold the run: part of every difference between the arms is this noise. And
whoever runs again until the score pleases is choosing, not measuring. An older run of the seed with
another configuration is told as well: it was left out.

Fix: `repro replay` names the first step that differs; switch on deterministic algorithms.

Wrong when: the training is known to be nondeterministic, and enough seeds average over it.

Source: Zhuang et al. 2022 on noise from nondeterministic kernels.
"""

from collections.abc import Iterator, Sequence

from repro.audit.case import Rerun, Reruns
from repro.audit.configuration import differing
from repro.audit.equality import same
from repro.audit.example import example_record
from repro.audit.listing import listed
from repro.audit.rule import Severity, Violation, rule
from repro.audit.scored_arms import value_of
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.outcome import Outcome
from repro.facts.scores import EXAMPLE as SCORES
from repro.record import RunRecord


@rule("DET007", Severity.WARNING)
def check(claim: Claim, reruns: Reruns) -> Iterator[Violation]:
    """Every superseded run that finished has configuration and score of what replaced it."""
    finished = (rerun for rerun in reruns.pairs if _is_finished(rerun.superseded))
    for rerun in finished:
        changed = sorted(differing(rerun.superseded, rerun.kept))
        old, new = (value_of(run, claim.metric) for run in (rerun.superseded, rerun.kept))
        if changed:
            yield _left_out(rerun, changed, claim.metric)
        elif old is not None and new is not None and not same(old, new):
            yield Violation(
                message=f"{rerun.arm} {rerun.kept.replicate}: {claim.metric} was {old:g} in run "
                f"{rerun.superseded.run_id[:8]} and is {new:g} in run {rerun.kept.run_id[:8]}, "
                f"of one configuration",
                fix=f"repro replay {rerun.kept.run_id[:8]}",
                points=(f"scores.{claim.metric}.value",),
            )


def _left_out(rerun: Rerun, changed: Sequence[str], metric: str) -> Violation:
    return Violation(
        message=f"{rerun.arm} {rerun.kept.replicate}: the older run "
        f"{rerun.superseded.run_id[:8]} was left out; it has another configuration: "
        f"{listed(changed, MAX_NAMED)}",
        fix="let the claim select runs of one configuration",
        points=(f"scores.{metric}.value",),
    )


def _is_finished(run: RunRecord) -> bool:
    outcome = run.find(Outcome)
    return outcome is not None and outcome.status == "FINISHED"


MAX_NAMED = 3


_OTHER = SCORES.but(scored=(SCORES.scored[0].model_copy(update={"value": 0.91}),))
BAD = {
    "claim": CLAIM,
    "reruns": Reruns((Rerun("baseline", example_record(), example_record(_OTHER)),)),
}
GOOD = {
    "claim": CLAIM,
    "reruns": Reruns((Rerun("baseline", example_record(), example_record()),)),
}
