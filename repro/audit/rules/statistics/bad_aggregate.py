"""Scores that cannot be averaged are averaged.

Why: a mean over an error in euros and an error in degrees follows the larger numbers; a mean over a
gain and a loss means nothing.

Fix: name what tells the data sets apart: `task = "params.dataset"`; each is then compared with
itself, and ranks or shares are counted over them. Normalise scores of unlike scales first.

Wrong when: the data sets have other columns and yet one scale that they share.

Source: Demsar 2006, section 3.1: averaging over data sets; Agarwal et al. 2021.
"""

from collections.abc import Iterator
from statistics import fmean

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.audit.scored_arms import score_of
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.record import Arms, RunRecord

UNLIKE = 10.0  # times: mean scores of two tasks whose scale is not the same


@rule("STA013", Severity.ERROR, preview=True)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation | NotApplicable]:
    """The scores of an arm are of one data set; or of tasks with one metric, on one scale."""
    if claim.task is not None:
        yield from _of_tasks(claim, runs)
        return
    schemas = {_schema(record) for record in runs.every()} - {None}
    if len(schemas) > 1 and all(len(side) > 1 for _, side in runs.sides()):
        yield Violation(
            message=f"the runs were scored on {len(schemas)} data sets of other columns, "
            f"and their scores are averaged",
            fix='task = "params.dataset", or what else tells the data sets apart',
            points=("data.test.schema_digest",),
        )


def _of_tasks(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation]:
    scores = [score for record in runs.every() if (score := score_of(record, claim.metric))]
    definitions = {(score.metric, score.greater_is_better) for score in scores}
    if len(definitions) > 1:
        names = ", ".join(sorted({score.metric for score in scores}))
        yield Violation(
            message=f"{claim.metric} is not one metric in all tasks: {names}",
            fix="score every task by one metric",
            points=(f"scores.{claim.metric}.metric",),
        )
    means = _means(claim, runs)
    low, high = min(means, default=0.0), max(means, default=0.0)
    if low > 0 and high / low > UNLIKE:
        yield Violation(
            message=f"mean scores of the tasks reach from {low:.3g} to {high:.3g}: "
            f"the largest decides any mean",
            fix="normalise the scores of each task before they are averaged",
            points=(f"scores.{claim.metric}.value",),
        )


def _means(claim: Claim, runs: Arms[RunRecord]) -> list[float]:
    """Mean size of the scores of each task."""
    found: dict[object, list[float]] = {}
    for record in runs.every():
        score = score_of(record, claim.metric)
        if score:
            found.setdefault(record.flat.get(claim.task or ""), []).append(abs(score.value))
    return [fmean(values) for values in found.values()]


def _schema(record: RunRecord) -> str | None:
    data = record.find(Data)
    role = data.role("test") if data else None
    return role.schema_digest if role else None


_OTHER = DATA.but(
    roles=tuple(role.model_copy(update={"schema_digest": "blake3:0f"}) for role in DATA.roles)
)
_SIDE = (example_record(), example_record(_OTHER))
BAD = {"claim": CLAIM, "runs": Arms(_SIDE, _SIDE, ((0, 0), (1, 1)))}
GOOD = {"claim": CLAIM, "runs": Arms((_SIDE[0],) * 2, (_SIDE[0],) * 2, ((0, 0), (1, 1)))}
