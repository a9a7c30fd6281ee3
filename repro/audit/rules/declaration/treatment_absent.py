"""The declared treatment did not happen: the arms do not differ in it.

Why: a thing was compared with itself. Whatever difference the scores show is noise, or something
else.

Fix: find out why the setting did not reach the run: a flag that is not passed on, a default that
wins, two runs that were tagged the wrong way round.

Wrong when: the treatment acts through something that is not recorded. Record it as a parameter.

Source: a manipulation check, as every controlled experiment has one.
"""

import re
from collections.abc import Iterator

from repro.audit.configuration import differences, matches
from repro.audit.example import example_arms
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.audit.unrecorded import look_up, unrecorded
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts import fact_types
from repro.facts.fact import Absent
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.record import Arms, RunRecord, is_compared


@rule("DEC002", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation | Unknown]:
    """In every pair of runs, some path of the treatment differs."""
    contrasts = list(runs.contrasts())
    n_same = sum(not _is_treated(claim, Arms.of(left, right)) for left, right in contrasts)
    if n_same == 0:
        return
    gaps = list(_gaps(claim, runs))
    yield from gaps
    if not gaps:
        yield _violation(claim, runs, n_same, len(contrasts))


def _is_treated(claim: Claim, pair: Arms[RunRecord]) -> bool:
    return any(found.declared_as(claim) == "treatment" for found in differences(pair))


def _gaps(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Unknown]:
    """Facts of the treatment that some run does not have recorded."""
    keys = {re.split(r"[.:]", glob)[0] for glob in claim.treatment}
    for key in sorted(keys & fact_types().keys()):
        facts = [look_up(run, fact_types()[key]) for run in runs.every()]
        gaps = [unrecorded(key, fact) for fact in facts if isinstance(fact, Absent)]
        yield from [gap for gap in gaps if isinstance(gap, Unknown)][:1]


def _violation(claim: Claim, runs: Arms[RunRecord], n_same: int, n_contrasts: int) -> Violation:
    recorded = sorted({path for run in runs.every() for path in run.flat})
    points = tuple(
        path
        for path in recorded
        if matches(path, claim.treatment)
        and not matches(path, claim.nuisance)
        and is_compared(path)
    )
    globs = ", ".join(f'"{glob}"' for glob in claim.treatment)
    message = f"nothing that {globs} means differs between the arms"
    if n_same < n_contrasts:
        message += f" in {n_same} of {n_contrasts} pairs"
    if not points:
        message = f"no run recorded anything that {globs} means"
    return Violation(message, "find out why the setting did not reach the run", points[:MAX_POINTS])


MAX_POINTS = 5  # the first of many equal values are evidence enough

BAD = {"claim": CLAIM, "runs": example_arms()}
GOOD = {"claim": CLAIM, "runs": example_arms(OPTIMIZER.but(name="AdamW"))}
