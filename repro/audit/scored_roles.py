"""On which rows the scores of a claim were taken."""

from repro.claims import Claim
from repro.facts.fact import Absent
from repro.facts.scores import Scores


def scored_roles(claim: Claim, scores: Scores | Absent) -> frozenset[str]:
    """The roles that the claim's metrics were taken on; by the metric's name, if not recorded."""
    found = {
        name: None if isinstance(scores, Absent) else scores.score(name) for name in claim.metrics
    }
    return frozenset(
        name.partition("/")[0] if score is None else score.on for name, score in found.items()
    )
