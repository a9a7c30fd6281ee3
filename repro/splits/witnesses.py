"""The verdict on offending rows, with some of them as witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from repro.splits.evidence import Evidence
from repro.splits.proof import Proved, Violated, Witness
from repro.splits.times import IntArray


def found(
    rows: IntArray, unit: str, partner: Callable[[int], int], evidence: Evidence
) -> Proved | Violated:
    """The verdict on the offending train rows, each with the test row it offends."""
    if len(rows) == 0:
        return Proved()
    pairs = ((int(row), partner(int(row))) for row in rows[: evidence.n_witnesses])
    return Violated(len(rows), unit, witnesses(pairs, evidence))


def witnesses(pairs: Iterable[tuple[int, int]], evidence: Evidence) -> tuple[Witness, ...]:
    """The first pairs (train row, test row), as many as were asked for."""
    chosen = (pair for _, pair in zip(range(evidence.n_witnesses), pairs, strict=False))
    return tuple(Witness(evidence.view(train), evidence.view(test)) for train, test in chosen)
