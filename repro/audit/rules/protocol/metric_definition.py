"""A metric of the claim is not known to be one metric on both sides.

Why: equal names hide other averages, thresholds, label sets and versions; the difference of two
different metrics says nothing.

Fix: compute it with `run.score`, which records function, source, arguments and rows.

Wrong when: the function or its arguments were only renamed. One of the user's own may move to
another file, and its local variables may be renamed; a library's metric has one name.

Source: Post 2018: common configurations of one metric, BLEU, differ by up to 1.8 points.
"""

from collections.abc import Iterator, Sequence

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.scores import EXAMPLE, Score, Scores, is_same_code
from repro.record import Arms

MAY_BE_UNKNOWN = (
    *("greater_is_better", "defaults", "constants", "helpers_digest"),
    "definition_digest",  # of a function of a library by another import, under its old name
)
PARTS = ("metric", "arguments", "on", "source_digest", *MAY_BE_UNKNOWN)
BY_NAME = ("metric", "source_digest", "helpers_digest")  # a refactoring changes them


@rule("PRT003", Severity.ERROR)
def check(claim: Claim, scores: Arms[Scores]) -> Iterator[Violation | Unknown]:
    """The primary metric and every guard are scored, and defined alike in every run."""
    for metric in claim.metrics:
        valued = [run for run in scores.every() if run.value(metric) is not None]
        found = [run.score(metric) for run in valued]
        scored = [score for score in found if score is not None]
        if len(scored) < len(valued):
            yield _only_logged(metric, len(valued) - len(scored), len(valued))
        parts = _differing_parts(scored)
        if parts:
            yield Violation(
                message=f"{metric} is not one metric in all runs: {', '.join(parts)} differ",
                fix="score every run with the same function and arguments",
                points=tuple(f"scores.{metric}.{part}" for part in parts),
            )


def _only_logged(metric: str, n_logged: int, n_runs: int) -> Unknown:
    where = "" if n_logged == n_runs else f" in {n_logged} of {n_runs} runs"
    return Unknown(
        message=f"{metric} was logged, not scored{where}: its definition is not recorded",
        fix=f'run.score("{metric}", ...)',
        points=(f"scores.logged.{metric}.last",),
        consequences=(f"scores.{metric}.*",),
    )


def _differing_parts(scored: Sequence[Score]) -> tuple[str, ...]:
    """What the definitions do not share."""
    is_one = all(is_same_code(score, scored[0]) for score in scored)
    parts = [part for part in PARTS if not (is_one and part in BY_NAME)]
    values = {part: {getattr(score, part) for score in scored} for part in parts}
    for part in values.keys() & {*MAY_BE_UNKNOWN}:
        values[part].discard(None)  # not said, or not recorded: it contradicts neither
    found = [part for part in parts if len(values[part]) > 1]
    return tuple(part for part in found if part != "definition_digest" or len(found) == 1)


_OTHER = EXAMPLE.scored[0].model_copy(update={"arguments": '{"normalize":false}'})
BAD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, EXAMPLE.but(scored=(_OTHER,)))}
GOOD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, EXAMPLE)}
