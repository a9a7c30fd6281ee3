"""One arm was scored part by part, the other on all rows at once.

Why: a mean over batches weights the rows of a small last batch more, and of most metrics (F1, AUC,
a median) the mean over parts is another number than the metric of the whole.

Fix: pool the rows: `run.scorer(...)` takes batches, and applies the metric once.

Wrong when: the parts are looks at a few rows beside the score that is reported. Means that a
script computes itself and logs are not seen; averages over classes are compared by
metric-definition, and the number of rows by eval-size-differs.

Source: Forman and Scholz 2010: averages over folds of AUC and F1 are biased against pooled ones.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.scores import EXAMPLE, Read, Scores
from repro.record import Arms


@rule("PRT005", Severity.WARNING, preview=True)
def check(claim: Claim, scores: Arms[Scores]) -> Iterator[Violation]:
    """Every metric of the claim is taken of as large parts in every pair."""
    for metric in claim.metrics:
        for left, right in scores.contrasts():
            parts = _parts(metric, left), _parts(metric, right)
            if all(parts) and _is_other(*parts):
                yield Violation(
                    message=f"{metric} was taken of {_said(parts[1])} in candidate, "
                    f"of {_said(parts[0])} in baseline",
                    fix=f'scorer = run.scorer("{metric}", ...): update it with each batch',
                    points=tuple(_points(*parts)),
                )
                break


def _parts(metric: str, scores: Scores) -> list[Read]:
    """Every set of rows that the metric was taken of, in whatever order they came."""
    return [read for read in scores.reads if read.metric == metric and read.n_rows]


def _largest(parts: list[Read]) -> int:
    return max(read.n_rows or 0 for read in parts)


def _is_other(left: list[Read], right: list[Read]) -> bool:
    """Whether one is of several parts, of which the other's largest holds two or more."""
    small, large = sorted((left, right), key=_largest)
    return len(small) > 1 and 2 * _largest(small) <= _largest(large)


def _said(parts: list[Read]) -> str:
    if len(parts) > 1:
        return f"{len(parts)} parts of up to {_largest(parts)} rows"
    return f"{parts[0].n_rows} rows at once"


def _points(*sides: list[Read]) -> Iterator[str]:
    """The first look of each side."""
    numbers = dict.fromkeys(side[0].number for side in sides)
    yield from (f"scores.reads.{number}.n_rows" for number in numbers)


def _batch(number: int, n_rows: int) -> Read:
    changes = {"number": number, "n_rows": n_rows, "rows_digest": f"blake3:{number:02x}"}
    return EXAMPLE.reads[0].model_copy(update=changes)


_BY_BATCH = EXAMPLE.but(reads=tuple(_batch(at, 128 if at < 4 else 66) for at in range(1, 5)))
BAD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, _BY_BATCH)}
GOOD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, EXAMPLE)}
