"""Tells how weights were initialized, from their shape and scale alone.

Equal for every seed, but for a chance below one in a hundred million: what was really drawn passes
each test within six standard errors, and of two schemes that so many values cannot keep apart
neither is named. A scheme that is not listed, and by chance close to one that is, may change.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from repro.observe.weights import Values

UNKNOWN, DEFAULT = "unknown", "default"
SIGMAS = 6.0
RARE = 25.0  # an event that n independent values miss with probability exp(-25)
CUT = 0.879626  # standard deviation of a normal that is cut at two of its own
CUT_DENSITY = 0.1131  # of its absolute values at the cut
MIN_UNIFORM, MIN_NORMAL, MIN_FREE = 500, 1_500, 4_096  # values; fewer do not tell the families


@dataclass(frozen=True)
class Family:
    """A distribution around zero, up to its scale: bound of a uniform, deviation of a normal."""

    name: str
    std: float  # at scale 1
    kurtosis: float
    n_least: int
    fixed: tuple[float, ...]  # scales that are in use whatever the shape

    def spread(self, n: int) -> float:
        """Relative tolerance of the standard deviation of n values."""
        return SIGMAS * math.sqrt((self.kurtosis - 1) / 4 / n)

    def resolution(self, n: int) -> float:
        """Relative tolerance of the scale: the largest value tells that of a uniform better."""
        return RARE / n if self is UNIFORM else self.spread(n)


UNIFORM = Family("uniform", 1 / math.sqrt(3), 1.8, MIN_UNIFORM, (0.1, 0.08, 0.05))
TRUNCATED = Family("truncated_normal", CUT, 2.367, MIN_NORMAL, (0.02,))
NORMAL = Family("normal", 1.0, 3.0, MIN_NORMAL, (0.02, 0.01, 0.001))
FAMILIES = (UNIFORM, TRUNCATED, NORMAL)


@dataclass(frozen=True)
class Drawn:
    """Moments of the values of one tensor, and what a scheme would go by."""

    n: int
    top: float  # largest absolute value
    m1: float
    m2: float
    m4: float
    fan_in: int  # 0: a vector has none
    fan_out: int
    default: tuple[Family, float] | None  # what torch does in such a module
    precision: float  # relative, of the dtype

    def scaled(self, scale: float) -> "Drawn":
        """The same values, divided."""
        return Drawn(
            self.n,
            self.top / scale,
            self.m1 / scale,
            self.m2 / scale**2,
            self.m4 / scale**4,
            self.fan_in,
            self.fan_out,
            self.default,
            self.precision,
        )


def drawn(
    values: Values,
    *,
    fans: tuple[int, int] = (0, 0),
    default: tuple[Family, float] | None = None,
    precision: float = 1e-6,
) -> Drawn:
    """What is needed of a sample."""
    with np.errstate(all="ignore"):
        top, m1 = float(np.abs(values).max()), float(values.mean())
        m2, m4 = float((values**2).mean()), float((values**4).mean())
    return Drawn(len(values), top, m1, m2, m4, *fans, default, precision)


def constant(values: Values) -> str | None:
    """Zeros, ones or another value, if all are one; a single other value may have been drawn."""
    if not len(values) or not (values == values[0]).all():
        return None
    told = {0.0: "zeros", 1.0: "ones"}.get(float(values[0]))
    return told or (f"constant({values[0]:.4g})" if len(values) > 1 else None)


def is_orthogonal(matrix: Values) -> bool:
    """Whether the rows, of which there are not more than columns, are; of one length, too."""
    if len(matrix) < 2:
        return False
    products = matrix @ matrix.T
    length = float(np.diag(products).mean())
    return length > 0 and bool(np.allclose(products / length, np.eye(len(matrix)), atol=1e-3))


def scheme(tensors: Sequence[Drawn]) -> str:
    """The one scheme of these tensors, or the several, joined; unknown if none can be told.

    First all together, as small tensors say more then; if that does not fit, one by one.
    """
    together = _listed(tensors)
    if together:
        return together
    told = {name for one in tensors if (name := alone(one))}
    return " + ".join(sorted(told)) or UNKNOWN


def alone(tensor: Drawn) -> str | None:
    """What one tensor says: a listed scheme, or only the family, its scale not told."""
    return _listed([tensor]) or _free(tensor)


def _listed(tensors: Sequence[Drawn]) -> str | None:
    """The listed scheme that fits, if no other could be taken for it."""
    for family in FAMILIES:
        candidates = dict(_candidates(family, tensors))
        fitting = [name for name, scales in candidates.items() if _fits(family, tensors, scales)]
        if fitting:
            name, *_ = fitting
            mine = candidates.pop(name)
            clear = all(_is_other(family, tensors, mine, its) for its in candidates.values())
            return name if clear else None
    return None


def _candidates(family: Family, tensors: Sequence[Drawn]) -> Iterator[tuple[str, list[float]]]:
    """Every scheme of this family with the scale that each tensor would have.

    Of several that are the same for these shapes the first is named: the most usual.
    """
    defaults = [one.default[1] for one in tensors if one.default and one.default[0] is family]
    if len(defaults) == len(tensors):
        yield DEFAULT, defaults
    if all(one.fan_in and one.fan_out for one in tensors):
        for name, variances in _by_fan(family, tensors):
            yield name, [math.sqrt(variance) / _unit(family) for variance in variances]
    for value in family.fixed:
        yield f"{family.name}({value:g})", [value] * len(tensors)


def _unit(family: Family) -> float:
    """What torch divides by: the scale of a cut normal is the deviation before the cut."""
    return family.std if family is UNIFORM else 1.0


def _by_fan(family: Family, tensors: Sequence[Drawn]) -> Iterator[tuple[str, list[float]]]:
    xavier = [2 / (one.fan_in + one.fan_out) for one in tensors]
    yield f"xavier_{family.name}", xavier
    yield f"kaiming_{family.name}(fan_in)", [2 / one.fan_in for one in tensors]
    yield f"kaiming_{family.name}(fan_out)", [2 / one.fan_out for one in tensors]
    yield f"xavier_{family.name}(gain=relu)", [2 * variance for variance in xavier]
    yield f"lecun_{family.name}", [1 / one.fan_in for one in tensors]


def _fits(family: Family, tensors: Sequence[Drawn], scales: Sequence[float]) -> bool:
    scaled = [one.scaled(scale) for one, scale in zip(tensors, scales, strict=True)]
    pooled = _pooled(scaled)
    if pooled.n < family.n_least or not _is_shaped(family, pooled):
        return False
    return all(_is_scaled(family, one) for one in (*scaled, pooled))


def _is_scaled(family: Family, one: Drawn) -> bool:
    """Whether the deviation is that of scale 1, and the largest value where it has to be."""
    slack = 1 + one.precision
    is_spread = abs(math.sqrt(one.m2) / family.std - 1) <= family.spread(one.n) + one.precision
    if family is UNIFORM:
        return is_spread and 1 - RARE / one.n - one.precision <= one.top <= slack
    if family is TRUNCATED:
        return is_spread and 2 - RARE / CUT_DENSITY / one.n <= one.top <= 2 * slack
    return is_spread


def _is_shaped(family: Family, one: Drawn) -> bool:
    """Whether the values lie around zero, with the tails of the family."""
    std = math.sqrt(one.m2)
    if not math.isfinite(one.m4) or std == 0 or abs(one.m1) > SIGMAS * std / math.sqrt(one.n):
        return False
    if family is not NORMAL:
        return True  # its bound says it
    error = math.sqrt(24 / one.n)
    is_tailed = -SIGMAS * error < one.m4 / one.m2**2 - 3 < 10 * error
    return is_tailed and 2.4 < one.top / std < math.sqrt(2 * math.log(one.n) + 2 * RARE)


def _is_other(
    family: Family, tensors: Sequence[Drawn], mine: Sequence[float], its: Sequence[float]
) -> bool:
    """Whether values of one scheme cannot pass for the other, or both are the same anyway."""
    ratios = [b / a for a, b in zip(mine, its, strict=True)]
    if all(abs(ratio - 1) < 1e-9 for ratio in ratios):
        return True
    sizes = [one.n for one in tensors]
    if max(ratios) - min(ratios) < 1e-9:
        ratios, sizes = ratios[:1], [sum(sizes)]
    return any(
        abs(math.log(ratio)) > 2.2 * family.resolution(n)
        for ratio, n in zip(ratios, sizes, strict=True)
    )


def _free(one: Drawn) -> str | None:
    """The family alone, of a tensor that is large enough for that."""
    std = math.sqrt(one.m2)
    if one.n < MIN_FREE or not _is_shaped(UNIFORM, one):
        return None
    reach = one.top / std
    for family, expected in ((UNIFORM, math.sqrt(3)), (TRUNCATED, 2 / CUT)):
        window = RARE / one.n if family is UNIFORM else RARE / CUT_DENSITY / 2 / one.n
        if abs(reach / expected - 1) <= family.spread(one.n) + window + one.precision:
            return family.name
    return NORMAL.name if reach > 2.6 and _is_shaped(NORMAL, one) else None


def _pooled(tensors: Sequence[Drawn]) -> Drawn:
    n = sum(one.n for one in tensors)

    def mean(name: str) -> float:
        return sum(one.n * float(getattr(one, name)) for one in tensors) / n

    top = max(one.top for one in tensors)
    precision = max(one.precision for one in tensors)
    return Drawn(n, top, mean("m1"), mean("m2"), mean("m4"), 0, 0, None, precision)
