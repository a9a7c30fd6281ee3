"""What a series of metric values is, in 128 bits, however its points are ordered."""

import math
import struct
import sys
from dataclasses import dataclass, field

from blake3 import blake3

from repro.store.point import Point

MODULUS = 2**128
LARGEST = sys.float_info.max  # MLflow stores infinity as this


@dataclass
class _Series:
    n_points: int = 0
    total: int = 0
    time_ms: int = -1
    seen: set[bytes] = field(default_factory=set)  # in this millisecond


class SeriesDigests:
    """Digests of the series of one run; adding a point costs about 2 microseconds.

    The sum of the points' hashes modulo 2**128: an order-free multiset digest. MLflow keeps two
    equal points (same name, step, millisecond and value) as one, and so does this.
    """

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    def add(self, point: Point) -> None:
        """Take one value."""
        series = self._series.setdefault(point.key, _Series())
        if point.timestamp_ms != series.time_ms:
            series.time_ms = point.timestamp_ms
            series.seen.clear()
        packed = struct.pack("<qqd", point.step, point.timestamp_ms, _stored(point.value))
        if packed not in series.seen:
            series.seen.add(packed)
            series.n_points += 1
            series.total += int.from_bytes(blake3(packed).digest(16), "little")

    def found(self) -> dict[str, tuple[int, str]]:
        """Number of points and digest of each series, by name."""
        return {
            name: (series.n_points, f"blake3-sum:{series.total % MODULUS:032x}")
            for name, series in sorted(self._series.items())
        }


def _stored(value: float) -> float:
    """The value as MLflow gives it back."""
    if math.isnan(value):
        return math.nan
    return max(-LARGEST, min(LARGEST, value)) + 0.0  # -0.0 is 0.0 in some databases
