"""A sample: finite numbers, enough of them, with a spread that rounding cannot fake."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repro.errors import TooFewReplicates, UsageError

FloatArray = NDArray[np.float64]

# Equal on paper, unequal by rounding: scores of 1 carry an error of 1e-16, so their differences of
# 1e-6 agree to about 1e-10.
EQUAL_RTOL = 1e-9


def as_sample(values: ArrayLike, name: str, *, at_least: int = 2) -> FloatArray:
    """The values as a one-dimensional array, or a refusal.

    Raises
    ------
    UsageError
        Not one-dimensional, or a value is not finite: it is neither dropped nor replaced.
    TooFewReplicates
        Fewer than `at_least` values.

    >>> as_sample([0.91, 0.93], "scores")
    array([0.91, 0.93])
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise UsageError(f"{name} must be one-dimensional, not of shape {sample.shape}.")
    bad = sample[~np.isfinite(sample)]
    if bad.size:
        raise UsageError(
            f"{name} must be finite, but {bad.size} of {sample.size} are not: {bad[0]}. "
            f"Repeat or exclude those runs, and say which."
        )
    if sample.size < at_least:
        raise TooFewReplicates(
            f"{name}: {sample.size} given, at least {at_least} needed. Run more replicates."
        )
    return sample


def is_constant(sample: FloatArray) -> bool:
    """Whether all values are equal but for rounding (1e-9 of the largest).

    >>> is_constant(np.array([0.912 - 0.902, 0.905 - 0.895, 0.01]))
    True
    """
    return bool(np.ptp(sample) <= EQUAL_RTOL * np.abs(sample).max())


def variance(sample: FloatArray) -> float:
    """Unbiased variance (n - 1), exactly 0 for a constant sample; unit: the sample's, squared.

    >>> variance(np.array([1.0, 3.0]))
    2.0
    """
    return 0.0 if is_constant(sample) else float(np.var(sample, ddof=1))
