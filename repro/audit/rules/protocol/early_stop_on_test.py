"""The training was stopped by what the test rows said.

Why: the step at which the test score looks best is chosen by its luck; the score is then too high,
and no rows are left that could tell.

Fix: watch validation rows, and score the test rows once, after the training.

Wrong when: the training loss was what was watched, or the length was cut for another reason: which
series a script reads is not seen. Where validation rows are looked at half as often as test rows,
they are taken for the watched ones. A short training without a declared patience is a warning.

Source: Prechelt 1998: what early stopping has chosen by estimates no error any more.
"""

import re
from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.stopping import EXAMPLE, Stopping

TEST = {"test"}
VALIDATION = {"valid", "val", "validation", "dev"}
FEWEST = 3  # looks that can end a training


@rule("PRT007", Severity.ERROR, preview=True)
def check(stopping: Stopping, scores: Scores) -> Iterator[Violation | NotApplicable]:
    """No training is ended before its plan while test rows are watched and validation rows not."""
    if stopping.is_short is False or (stopping.is_short is None and stopping.patience is None):
        yield NotApplicable("the training was not stopped early, as far as was recorded")
        return
    looks, path = max(_looks(TEST, stopping, scores))
    n_valid = max(_looks(VALIDATION, stopping, scores))[0]
    if looks >= FEWEST and 2 * n_valid < looks:
        known = ("planned", "done", "patience")
        yield Violation(
            message=f"test rows were looked at {looks} times while the training went on, "
            f"validation rows {n_valid} times, and it ended {_when(stopping)}",
            fix="stop by validation rows; score the test rows once, at the end",
            points=(path, *(f"stopping.{part}" for part in known)),
            severity=Severity.ERROR if _is_certain(stopping) else Severity.WARNING,
        )


def _is_certain(stopping: Stopping) -> bool:
    return bool(stopping.is_short) and stopping.patience is not None


def _when(stopping: Stopping) -> str:
    if stopping.planned is None or stopping.done is None:
        return "by patience"
    return f"after {stopping.done:g} of {stopping.planned:g} {stopping.unit}"


def _looks(names: set[str], stopping: Stopping, scores: Scores) -> Iterator[tuple[int, str]]:
    """How often a role was looked at by one metric: scored, or logged under such a name."""
    yield 0, "stopping.done"
    for read in scores.reads:
        same = [one for one in scores.reads if (one.role, one.metric) == (read.role, read.metric)]
        if read.role in names:
            yield sum(one.n_looks for one in same), f"scores.reads.{read.number}.n_looks"
    for curve in stopping.curves:
        if names & set(re.findall("[a-z]+", curve.name.lower())):
            yield curve.n_points, f"stopping.curves.{curve.name}.n_points"


_READ = SCORES.reads[0].model_copy(update={"n_looks": 12})
BAD = {"stopping": EXAMPLE.but(curves=()), "scores": SCORES.but(reads=(_READ,))}
GOOD = {"stopping": EXAMPLE, "scores": SCORES.but(reads=(_READ,))}
