"""A mean difference, and how far Student's t lets it be from the truth."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from repro.errors import UsageError


class Interval(NamedTuple):
    """From `low` to `high`, in the unit of what it bounds."""

    low: float
    high: float


class Uncertain(Protocol):
    """A difference and its error, whatever the distribution: what a gate is drawn on."""

    @property
    def mean(self) -> float:
        """The difference, score units."""

    @property
    def has_spread(self) -> bool:
        """Whether there is a noise to measure."""

    @property
    def p_value(self) -> float | None:
        """Two-sided p of "no difference"; None if the method gives none."""

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval."""

    def lower_bound(self, confidence: float = 0.95) -> float:
        """One-sided bound."""


@dataclass(frozen=True)
class Estimate:
    """Mean difference whose error follows Student's t: (mean - truth) / standard_error ~ t(df).

    Without spread (`standard_error` 0: every replicate gave the same difference) every interval
    is the mean itself. That is what the numbers say, not certainty: read `has_spread`.

    Attributes
    ----------
    mean : score units
    standard_error : score units
    df : degrees of freedom; not whole for Welch's t
    n : differences, or scores of both arms, that went in

    >>> e = Estimate(mean=0.007, standard_error=0.0017889, df=4, n=5)
    >>> [round(x, 4) for x in e.interval(0.95)]
    [0.002, 0.012]
    >>> round(e.lower_bound(0.95), 4), round(e.p_value or 0, 3)
    (0.0032, 0.017)
    """

    mean: float
    standard_error: float
    df: float
    n: int

    @property
    def has_spread(self) -> bool:
        """Whether the replicates differ, so that there is a noise to measure."""
        return self.standard_error > 0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval: mean -+ t(df, (1 + confidence) / 2) * standard_error."""
        half_width = self._quantile((1 + require_level(confidence)) / 2) * self.standard_error
        return Interval(self.mean - half_width, self.mean + half_width)

    def lower_bound(self, confidence: float = 0.95) -> float:
        """One-sided bound: the truth is above it with this confidence."""
        return self.mean - self._quantile(require_level(confidence)) * self.standard_error

    @property
    def p_value(self) -> float | None:
        """Two-sided p of "no difference"; 1 if all differences are 0, None if t has no spread."""
        from scipy import special

        if not self.has_spread:
            return 1.0 if self.mean == 0 else None
        return float(2 * special.stdtr(self.df, -abs(self.mean / self.standard_error)))

    def _quantile(self, probability: float) -> float:
        from scipy import special

        return float(special.stdtrit(self.df, probability))


def require_level(level: float, name: str = "confidence") -> float:
    """The level itself, if it is a probability strictly between 0 and 1.

    >>> require_level(0.95)
    0.95
    """
    if not 0 < level < 1:
        raise UsageError(f"{name} must lie between 0 and 1, such as 0.95, not {level}.")
    return level
