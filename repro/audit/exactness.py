"""Claims that are about more than a score within noise: about its bits, or about time."""

import re

from repro.claims import Claim

BITWISE = 1e-6  # no score of float32 arithmetic means a smaller margin in any other way
SPEED = re.compile(
    r"(^|[^a-z])(fps|latency|ms|qps|runtime|sec|seconds?|speed|speedup|throughput|time|wall)"
    r"([^a-z]|$)"
)


def is_bitwise(claim: Claim) -> bool:
    """Whether the arms are said to be equal to the bit, or nearly so."""
    return claim.goal == "equivalent" and claim.margin is not None and claim.margin <= BITWISE


def is_about_speed(claim: Claim) -> bool:
    """Whether the primary metric is a time or a rate, by its name.

    >>> from repro.claims import EXAMPLE
    >>> is_about_speed(EXAMPLE.model_copy(update={"metric": "test/latency_ms"}))
    True
    >>> is_about_speed(EXAMPLE)
    False
    """
    return SPEED.search(claim.metric.casefold()) is not None
