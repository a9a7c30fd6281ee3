"""What does a p-value prove when it is one of several? All that were looked at must be given."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repro.errors import UsageError
from repro.stats.estimate import require_level
from repro.stats.sample import FloatArray


def holm(p_values: ArrayLike) -> tuple[float, ...]:
    """Adjusted p-values: those below alpha hold together, but for one false one with risk alpha.

    Ascending: adjusted_i = max over j <= i of min(1, (m - j + 1) * p_j). Valid under any
    dependence. Same order as given, equal p stay equal.

    Parameters
    ----------
    p_values : shape (m,)

    Raises
    ------
    UsageError
        A p-value that is NaN or outside 0 to 1: a test that failed is not dropped silently.

    Source
    ------
    Holm 1979, Scandinavian Journal of Statistics 6:65-70.

    >>> [round(p, 3) for p in holm([0.04, 0.011, 0.02])]
    [0.04, 0.033, 0.04]
    """
    p = _as_p_values(p_values)
    order = np.argsort(p)
    factors = np.arange(p.size, 0, -1)
    stepped = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return _in_given_order(stepped, order)


def holm_levels(p_values: ArrayLike, alpha: float = 0.05) -> tuple[float, ...]:
    """The alpha at which Holm tests each p: `p < level` exactly where its adjusted p < alpha.

    alpha / (m - i + 1) at rank i, as long as all before were rejected; whatever is not rejected
    stays at the first level that stopped. Equal p share the level of the first of them. A gate
    drawn at 1 - level decides as Holm does; such intervals do not all cover at once.

    >>> [round(level, 4) for level in holm_levels([0.04, 0.011, 0.02, 0.6])]
    [0.0167, 0.0125, 0.0167, 0.0167]
    """
    p = _as_p_values(p_values)
    level = require_level(alpha, "alpha")
    is_rejected = np.array(holm(p)) < level
    return tuple(level / (p.size - int(np.sum(is_rejected & (p < own)))) for own in p)


def benjamini_hochberg(p_values: ArrayLike) -> tuple[float, ...]:
    """Adjusted p-values: of those below q, a share of q is false on average. To explore only.

    Ascending: adjusted_i = min over j >= i of min(1, m / j * p_j). Valid for independent or
    positively dependent tests. Never a gate: a single false claim is one too many.

    Parameters and errors as for `holm`.

    Source
    ------
    Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57:289-300.

    >>> [round(p, 3) for p in benjamini_hochberg([0.04, 0.011, 0.02])]
    [0.04, 0.03, 0.03]
    """
    p = _as_p_values(p_values)
    order = np.argsort(p)[::-1]
    factors = p.size / np.arange(p.size, 0, -1)
    stepped = np.minimum(np.minimum.accumulate(factors * p[order]), 1.0)
    return _in_given_order(stepped, order)


def _in_given_order(values: FloatArray, order: NDArray[np.intp]) -> tuple[float, ...]:
    placed = np.empty_like(values)
    placed[order] = values
    return tuple(placed.tolist())


def _as_p_values(values: ArrayLike) -> FloatArray:
    p = np.asarray(values, dtype=np.float64)
    if p.ndim != 1:
        raise UsageError(f"p-values must be one-dimensional, not of shape {p.shape}.")
    bad = p[~((p >= 0) & (p <= 1))]
    if bad.size:
        raise UsageError(
            f"p-values must lie between 0 and 1, but {bad.size} of {p.size} do not: {bad[0]}. "
            f"A test that could not be made counts as p = 1."
        )
    return p
