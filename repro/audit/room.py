"""How far a score can move at all: no margin may be as wide as that."""

from collections.abc import Iterator

from repro.audit.case import Case
from repro.audit.scored_arms import score_of
from repro.claims import Direction
from repro.errors import ConfigurationError
from repro.record import Arms, RunRecord
from repro.stats.comparison import Comparison

FROM_0_TO_1 = (
    *("accuracy_score", "zero_one_loss", "hamming_loss"),
    *("precision_score", "recall_score", "f1_score", "jaccard_score"),
    *("roc_auc_score", "average_precision_score"),
)


def refuse_vacuous_margins(case: Case) -> None:
    """Raise where no scores at all could refute the claim, or trip a guard.

    A share of .93 cannot lose .95: that the candidate loses less is true before it is trained.

    Raises
    ------
    ConfigurationError
        The margin of a metric that lies between 0 and 1 is at least what the baseline can lose; of
        an equivalence, at least what it can move either way.
    """
    for name, metric, direction, margin, comparison in _margins(case):
        if not _is_from_0_to_1(case.arms, metric):
            continue
        score = comparison.baseline_mean
        most = score if direction == "higher" else 1 - score
        if name == "margin" and case.claim.goal == "equivalent":
            most = max(most, 1 - most)
        if margin >= most > 0:
            move = "change" if (name, case.claim.goal) == ("margin", "equivalent") else "get worse"
            raise ConfigurationError(
                f"claim {case.claim.name!r}: {name} = {margin:g} of {metric} can never be "
                f"exceeded: from the baseline's {score:.4g} it can {move} by {most:.4g} at most, "
                "for it lies between 0 and 1. Declare the largest change that does not matter."
            )


def _margins(case: Case) -> Iterator[tuple[str, str, Direction, float, Comparison]]:
    """Of every metric that was compared."""
    claim = case.claim
    if claim.margin is not None and isinstance(case.comparison, Comparison):
        yield "margin", claim.metric, claim.direction, claim.margin, case.comparison
    for result in case.guards.results:
        guard, comparison = result.guard, result.comparison
        if comparison is not None:
            yield "guards: margin", guard.metric, guard.direction, guard.margin, comparison


def _is_from_0_to_1(arms: Arms[RunRecord], metric: str) -> bool:
    """Whether every score of both arms is a value of a metric that knows these bounds."""
    scores = [score_of(record, metric) for record in arms.every()]
    return all(
        score is not None
        and score.metric.rpartition(".")[2] in FROM_0_TO_1
        and 0 <= score.value <= 1
        for score in scores
    )
