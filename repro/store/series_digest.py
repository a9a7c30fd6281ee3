"""What a series of metric values is, in 128 bits, however its points are ordered."""

import math
import struct
import sys
from collections import deque
from dataclasses import dataclass

from blake3 import blake3

from repro.store.point import Point

MODULUS = 2**128
LARGEST = sys.float_info.max  # MLflow stores infinity as this
REMEMBERED = 10_000  # points, about 2 MB: those of one moment come from several processes mixed


@dataclass
class _Series:
    n_points: int = 0
    total: int = 0


class SeriesDigests:
    """Digests of the series of one run; adding a point costs about 2 microseconds.

    The sum of the points' hashes modulo 2**128: an order-free multiset digest. MLflow keeps two
    equal points (same name, step, millisecond and value) as one, and so does this, if they come
    within 10,000 points of each other.
    """

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self._seen: set[int] = set()
        self._in_order: deque[int] = deque()

    def add(self, point: Point) -> None:
        """Take one value."""
        packed = struct.pack("<qqd", point.step, point.timestamp_ms, _stored(point.value))
        if self._is_new(hash((point.key, packed))):
            series = self._series.setdefault(point.key, _Series())
            series.n_points += 1
            series.total += int.from_bytes(blake3(packed).digest(16), "little")

    def found(self) -> dict[str, tuple[int, str]]:
        """Number of points and digest of each series, by name."""
        return {
            name: (series.n_points, f"blake3-sum:{series.total % MODULUS:032x}")
            for name, series in sorted(self._series.items())
        }

    def _is_new(self, point: int) -> bool:
        if point in self._seen:
            return False
        self._seen.add(point)
        self._in_order.append(point)
        if len(self._in_order) > REMEMBERED:
            self._seen.discard(self._in_order.popleft())
        return True


def joined(first: tuple[int, str | None], second: tuple[int, str | None]) -> tuple[int, str | None]:
    """Number and digest of the points of two processes, which have none in common."""
    n_points = first[0] + second[0]
    if first[1] is None or second[1] is None:
        return n_points, None
    total = sum(int(digest.rpartition(":")[2], 16) for digest in (first[1], second[1]))
    return n_points, f"blake3-sum:{total % MODULUS:032x}"


def _stored(value: float) -> float:
    """The value as MLflow gives it back."""
    if math.isnan(value):
        return math.nan
    return max(-LARGEST, min(LARGEST, value)) + 0.0  # -0.0 is 0.0 in some databases
