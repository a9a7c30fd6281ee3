"""A metric was computed over another number of rows than the evaluation data hold.

Why: a score over a part of the test set is a score of another test set, and who leaves rows out
may leave out the hard ones.

Fix: score every row of the logged role: no `drop_last`, no truncated batch, no filter.

Wrong when: one row of data has several labels: log the data in the shape that is scored.

Source: a data loader with `drop_last=True` scores fewer rows than there are, and says nothing.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE, Score, Scores
from repro.record import Arms

Side = tuple[Scores, Data | Absent]


@rule("PRT002", Severity.ERROR)
def check(
    claim: Claim, scores: Arms[Scores], data: Arms[Data | Absent]
) -> Iterator[Violation | Unknown]:
    """Every metric of the claim covers the rows of its role, as many in both arms."""
    sides = scores.with_values(
        tuple(zip(scores.baseline, data.baseline, strict=True)),
        tuple(zip(scores.candidate, data.candidate, strict=True)),
    )
    for metric in claim.metrics:
        answers = [found for side in sides.every() for found in _against_data(metric, *side)]
        yield from dict.fromkeys(answers or _between(metric, sides))


def _against_data(
    metric: str, scores: Scores, data: Data | Absent
) -> Iterator[Violation | Unknown]:
    score = scores.score(metric)
    if score is None or isinstance(data, Absent):
        return
    role, path = data.role(score.on), f"scores.{metric}"
    if role is None:
        yield Unknown(
            message=f"{metric} was scored on {score.on!r}, and no such data were logged",
            fix=f"run.log_data({score.on}=...)",
            points=(f"{path}.on",),
        )
    elif score.n_rows != role.n_rows:
        yield Violation(
            message=f"{metric} covers {score.n_rows} rows; {role.role} has {role.n_rows}",
            fix="score every row of the logged data",
            points=(f"{path}.n_rows", f"data.{role.role}.n_rows"),
            consequences=(f"{path}.rows_digest",),
        )


def _between(metric: str, sides: Arms[Side]) -> Iterator[Violation]:
    """Where data are recorded on both sides, other data are another rule's business.

    Folds may differ by a row: arms without pairs are compared by the sizes that they have.
    """
    sizes = [
        {score.n_rows for side in arm if (score := _score(metric, side))}
        for _, arm in sides.sides()
    ]
    if not sides.pairs and sizes[0] == sizes[1]:
        return
    for left, right in sides.contrasts():
        a, b = _score(metric, left), _score(metric, right)
        is_known = isinstance(left[1], Data) and isinstance(right[1], Data)
        if a and b and a.n_rows != b.n_rows and not is_known:
            yield Violation(
                message=f"{metric} covers {a.n_rows} rows in baseline, {b.n_rows} in candidate",
                fix="score both arms on the same rows",
                points=(f"scores.{metric}.n_rows",),
                consequences=(f"scores.{metric}.rows_digest",),
            )
            return


def _score(metric: str, side: Side) -> Score | None:
    return side[0].score(metric)


_PART = EXAMPLE.scored[0].model_copy(update={"n_rows": 384})
BAD = {
    "claim": CLAIM,
    "scores": Arms.of(EXAMPLE, EXAMPLE.but(scored=(_PART,))),
    "data": Arms.of(DATA, DATA),
}
GOOD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, EXAMPLE), "data": Arms.of(DATA, DATA)}
