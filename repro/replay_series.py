"""What a replay has logged against what its run had, point by point."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro.store.contents import SYSTEM

# The last words of names such as epoch_seconds, train/step_time, eval_samples_per_second.
TIME = re.compile(
    r"(^|[/_.\s-])(seconds?|secs?|ms|minutes|hours|time|runtime|duration|elapsed|latency"
    r"|throughput|fps|per_s|wall_?clock)$",
    re.IGNORECASE,
)

Points = Sequence[tuple[int, float]]  # step and value


@dataclass(frozen=True)
class Unlike:
    """Where a series differs for the first time."""

    step: int
    name: str
    before: str | None  # None: that side has no such point
    after: str | None


def measures_time(name: str) -> bool:
    """Whether a series says, by its name, how long something took: no two runs agree in that.

    >>> measures_time("train/epoch_seconds"), measures_time("time_to_event_error")
    (True, False)
    """
    return TIME.search(name) is not None


def unlike(original: Mapping[str, Points], replay: Mapping[str, Points]) -> list[Unlike]:
    """The series that differ, the earliest step leading; MLflow's own measurements left out."""
    found = (
        _first_unlike(name, original.get(name, ()), replay.get(name, ()))
        for name in original.keys() | replay.keys()
        if not name.startswith(SYSTEM)
    )
    return sorted(filter(None, found), key=lambda one: (one.step, one.name))


def _first_unlike(name: str, before: Points, after: Points) -> Unlike | None:
    for at in range(max(len(before), len(after))):
        left, right = before[at : at + 1], after[at : at + 1]
        if [_bits(*point) for point in left] != [_bits(*point) for point in right]:
            values = [repr(side[0][1]) if side else None for side in (left, right)]
            return Unlike((left or right)[0][0], name, values[0], values[1])
    return None


def _bits(step: int, value: float) -> bytes:
    return struct.pack("<qd", step, value)
