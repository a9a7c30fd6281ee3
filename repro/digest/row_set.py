"""The distinct rows of a data set as hashes: what two share can be counted later, without either.

Up to `LIMIT` rows the set holds every one. Of more it keeps the `LIMIT` smallest hashes, which are
a random sample of the rows, and the same sample in every set: of a row that two sets share, both
keep it or neither. So the sets can be merged, and what they share can be estimated (Beyer et al.
2007, "On synopses for distinct-value estimation under multiset operations").

A hash has 64 bits here. Two sets of `LIMIT` rows have 0.0000014 rows in common by chance.
"""

import io
import math
import zipfile
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repro.digest.rows import RowHashes
from repro.errors import RecordCorrupt

LIMIT = 5_000_000  # hashes kept: 40 MB
ALL = 2**64  # above every hash


@dataclass(frozen=True)
class Estimate:
    """A number of distinct rows; `error` is its standard error, 0.0 if they were all counted."""

    n: float
    error: float = 0.0

    @classmethod
    def of_sample(cls, n_seen: int, share: float) -> "Estimate":
        """How many there are, if each was seen with probability `share`.

        >>> Estimate.of_sample(12, share=1.0)
        Estimate(n=12.0, error=0.0)
        >>> Estimate.of_sample(0, share=0.5)
        Estimate(n=0.0, error=1.4142135623730951)
        """
        # One more than was seen: to see none of a sample is no proof that there is none.
        return cls(n_seen / share, math.sqrt((n_seen + 1) * (1 - share)) / share)


@dataclass(frozen=True)
class RowSet:
    """Hashes of distinct rows, sorted; all there are `below` this bound."""

    hashes: npt.NDArray[np.uint64]
    below: int = ALL

    @classmethod
    def of(cls, rows: RowHashes, limit: int = LIMIT) -> "RowSet":
        """The set of some rows."""
        # Sorted by hand: np.unique alone uses a hash table here, which takes ten times as long.
        hashes = np.sort(rows[:, 0])
        is_first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
        return cls(hashes[is_first])._cut(limit)

    @property
    def share(self) -> float:
        """Share of the rows that the set holds; 1.0: every one."""
        return self.below / ALL

    def size(self) -> Estimate:
        """How many distinct rows there are."""
        return Estimate.of_sample(len(self.hashes), self.share)

    def merged(self, other: "RowSet", limit: int = LIMIT) -> "RowSet":
        """The rows of either, as if the set had been made of both at once."""
        below = min(self.below, other.below)
        both = np.concatenate([self._up_to(below), other._up_to(below)])
        merged = RowSet.of(both.reshape(-1, 1), limit)
        return RowSet(merged.hashes, min(below, merged.below))

    def shared(self, other: "RowSet") -> Estimate:
        """How many distinct rows stand in both."""
        below = min(self.below, other.below)
        ours, theirs = self._up_to(below), other._up_to(below)
        n_seen = len(np.intersect1d(ours, theirs, assume_unique=True))
        return Estimate.of_sample(n_seen, below / ALL)

    def beyond(self, other: "RowSet") -> Estimate:
        """How many distinct rows stand in this set, and not in the other."""
        below = min(self.below, other.below)
        ours, theirs = self._up_to(below), other._up_to(below)
        n_seen = len(np.setdiff1d(ours, theirs, assume_unique=True))
        return Estimate.of_sample(n_seen, below / ALL)

    def _cut(self, limit: int) -> "RowSet":
        if len(self.hashes) <= limit:
            return self
        return RowSet(self.hashes[:limit], int(self.hashes[limit]))

    def _up_to(self, below: int) -> npt.NDArray[np.uint64]:
        if below >= self.below:
            return self.hashes
        return self.hashes[: np.searchsorted(self.hashes, np.uint64(below))]


@dataclass(frozen=True)
class RowSets:
    """The rows of one data set with their labels, and without."""

    rows: RowSet
    features: RowSet

    def dump(self) -> bytes:
        """As a file of numpy (.npz): 8 bytes a row, 16 if there are labels."""
        arrays = {"rows": self.rows.hashes, "rows_below": _bound(self.rows)}
        if self.features is not self.rows:
            arrays |= {"features": self.features.hashes, "features_below": _bound(self.features)}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def load(cls, content: bytes) -> "RowSets":
        """What `dump` wrote.

        Raises
        ------
        RecordCorrupt
            It is something else.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                rows = RowSet(file["rows"], _read_bound(file["rows_below"]))
                if "features" not in file:
                    return cls(rows, rows)
                bound = _read_bound(file["features_below"])
                return cls(rows, RowSet(file["features"], bound))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise RecordCorrupt(f"the row hashes cannot be read: {error}") from error


def _bound(rows: RowSet) -> npt.NDArray[np.uint64]:
    """None or one value: the bound of a set that holds everything has 65 bits."""
    return np.array([rows.below] if rows.below < ALL else [], dtype=np.uint64)


def _read_bound(stored: npt.NDArray[np.uint64]) -> int:
    return int(stored[0]) if len(stored) else ALL
