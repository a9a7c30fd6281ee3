"""Names the shape of a series of learning rates, or says why it has no name.

Each shape is fitted by least squares, most in a form in which it is a straight line. The series of
schedulers are free of noise: over 23 schedules of 200 to 20,000 steps the right shape left less
than 1e-7 of the range, the next best more than 5e-4; the threshold lies between.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from repro.facts.schedule import Shape
from repro.observe.lr_series import ROUNDING

TOLERANCE = 1e-5  # root mean square of the residual / range of the series
EXACT = 1e-7  # what rounding alone may leave
FEWEST = {  # levels of a decay
    "linear": 4,
    "exponential": 4,
    "inverse_sqrt": 5,
    "cosine": 6,
    "polynomial": 6,
}
FEWEST_A_PERIOD = 4  # levels: a zigzag is no cosine
FACTOR = 1e-6  # by which the factors of one step schedule may differ
MAX_DROPS = 16  # that are told one by one
MAX_FITTED = 512  # points
LONGEST = 1_000  # a half period, in lengths of the decay
CANDIDATES = 500  # for a period, or for a power
MULTIPLIERS = (1, 2, 3, 4)  # of the period at each restart
MAX_BETWEEN = 64  # units between two levels that were kept, in one of which it restarts
POWERS = (0.1, 10.0)  # of a polynomial; beyond, it is all but a step or an exponential

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A shape with its parameters, and what it leaves of the range."""

    shape: Shape
    residual: float = 0.0
    parameters: Mapping[str, float] = field(default_factory=dict)
    warm_up: float = 0.0
    reason: str | None = None


def unknown(reason: str) -> Fit:
    """No shape, and why."""
    return Fit("unknown", residual=float("nan"), reason=reason)


def shape_of(units: FloatArray, shares: FloatArray, *, is_whole: bool, is_stepped: bool) -> Fit:
    """The shape of a series that starts anywhere and is at most 1.

    Parameters
    ----------
    units : shape (n,), increasing
        When each level began.
    shares : shape (n,)
        Learning rate / highest; no two in a row are equal.
    is_whole : bool
        No level is left out between them.
    is_stepped : bool
        Levels last for two units or more, so that a constant factor is a step.
    """
    peak = int(np.argmax(shares >= 1 - ROUNDING))
    rising = _rising(units[: peak + 1], shares[: peak + 1])
    if rising is None:
        return unknown("it rises in no known way")
    # A cycle may have its highest between two steps: the last of the rise is none of the decay.
    starts = [peak, peak + 1] if 0 < peak < len(shares) - 2 else [peak]
    falls = [
        _falling(
            units[start:] - units[start],
            shares[start:],
            is_whole=is_whole,
            is_stepped=is_stepped,
            is_cycle=rising == "cosine",
        )
        for start in starts
    ]
    named = [fall for fall in falls if fall.shape != "unknown"]
    exact = [fall for fall in named if fall.residual <= EXACT]
    best = exact[0] if exact else min(named, key=lambda fit: fit.residual, default=falls[0])
    return replace(best, warm_up=float(units[peak]) if peak else 0.0)


def _rising(units: FloatArray, shares: FloatArray) -> str | None:
    if len(shares) < 3:
        return "linear"
    if np.any(np.diff(shares) <= 0):
        return None
    for end in (len(shares), len(shares) - 1):
        u, v = units[:end], shares[:end]
        if len(v) > 2 and _left(v, _on_basis(v, u)[1]) <= TOLERANCE:
            return "linear"
        if len(v) > 4 and _cosine(u, v, _one_phase).residual <= TOLERANCE:
            return "cosine"
    return None


def _falling(
    units: FloatArray, shares: FloatArray, *, is_whole: bool, is_stepped: bool, is_cycle: bool
) -> Fit:
    if len(shares) == 1:
        return Fit("constant")
    if is_stepped and is_whole and not is_cycle:
        stepped = _step(units, shares)
        if stepped is not None:
            return stepped
    hold = _hold(units)
    after = np.concatenate([units[:1], units[1:] - hold])
    found = [*_candidates(after, shares, is_cycle=is_cycle)]
    if not is_cycle and len(shares) >= FEWEST["polynomial"] and _is_left_over(found):
        found = [_polynomial(after, shares)]  # has room for much: only where nothing else fits
    fitting = [fit for fit in found if fit.residual <= TOLERANCE]
    if len(fitting) == 1:
        (fit,) = fitting
        held = {"hold": hold} if hold else {}
        return replace(fit, parameters={**held, **fit.parameters})
    if fitting:
        return unknown(f"{' and '.join(fit.shape for fit in fitting)} cannot be told apart")
    if len(shares) < FEWEST["cosine"]:
        return unknown(f"it took {len(shares)} values, too few to name a shape")
    return unknown("no known shape fits")


def _is_left_over(found: Sequence[Fit]) -> bool:
    return all(fit.residual > TOLERANCE for fit in found)


def _hold(units: FloatArray) -> float:
    """How long the highest lasts before the decay begins."""
    gaps = np.diff(units)
    usual = float(np.median(gaps))
    return float(gaps[0]) - usual if gaps[0] > 1.5 * usual else 0.0


def _candidates(units: FloatArray, shares: FloatArray, *, is_cycle: bool) -> Iterator[Fit]:
    n = len(shares)
    if is_cycle:
        if n >= FEWEST["cosine"]:
            cycle = _cosine(units, shares, _any_phase)
            yield Fit("one_cycle", cycle.residual, cycle.parameters)
        return
    if n >= FEWEST["linear"]:
        (at_start, slope), predicted = _on_basis(shares, units)
        yield Fit("linear", _left(shares, predicted), {"zero_at": float(-at_start / slope)})
    is_positive = bool(np.all(shares > 0))
    if n >= FEWEST["exponential"] and is_positive:
        (_, slope), logarithms = _on_basis(np.log(shares), units)
        left = _left(shares, np.exp(logarithms))
        yield Fit("exponential", left, {"gamma": float(np.exp(slope))})
    if n >= FEWEST["inverse_sqrt"] and is_positive:
        (at_start, slope), below = _on_basis(shares**-2.0, units)
        if np.all(below > 0):
            left = _left(shares, below**-0.5)
            yield Fit("inverse_sqrt", left, {"decay": float(slope / at_start)})
    if n >= FEWEST["cosine"]:
        jumps = np.flatnonzero(np.diff(shares) > 0)
        whole = _cosine(units, shares, _one_phase)
        if whole.residual > TOLERANCE and len(jumps) and jumps[0] >= FEWEST_A_PERIOD:
            yield _restarts(units, shares, int(jumps[0]))
        else:
            yield whole


def _step(units: FloatArray, shares: FloatArray) -> Fit | None:
    """One factor at each change; how far apart they are is free."""
    if np.any(shares <= 0):
        return None
    factors = shares[1:] / shares[:-1]
    spread = float(np.ptp(factors))
    if factors[0] >= 1 or spread > FACTOR:
        return None
    drops = {f"drop_{i}": float(units[i]) for i in range(2, len(units[: MAX_DROPS + 1]))}
    drops |= {"n_drops": float(len(factors))} if len(factors) > MAX_DROPS else {}
    first = {"gamma": float(factors[0]), "first_drop": float(units[1])}
    return Fit("step", spread, {**first, **drops})


def _polynomial(units: FloatArray, shares: FloatArray) -> Fit:
    """A power of a straight line to zero; the power is sought, as the period of a cosine is."""
    few = _few(units)
    low, high = POWERS
    best = _least(lambda x: _power(units[few], shares[few], x).residual, low, high)
    return Fit("polynomial", float("inf")) if best is None else _power(units, shares, best)


def _power(units: FloatArray, shares: FloatArray, power: float) -> Fit:
    (at_start, slope), line = _on_basis(shares ** (1 / power), units)
    left = _left(shares, np.maximum(line, 0.0) ** power)
    return Fit("polynomial", left, {"power": power, "zero_at": float(-at_start / slope)})


def _restarts(units: FloatArray, shares: FloatArray, jump: int) -> Fit:
    """Cosines of growing periods, each from the highest to the floor."""
    last = units[jump + 1]
    first_units = np.arange(max(units[jump] + 1, last - MAX_BETWEEN), last + 1)
    fits = []
    for first, multiplier in product(map(float, first_units), MULTIPLIERS):
        basis = np.cos(np.pi * _phases(units, first, multiplier))
        weights, predicted = _on_basis(shares, basis)
        parameters = {
            "first_period": first,
            "multiplier": float(multiplier),
            "floor": float(weights[0] - weights[1]),
        }
        fits.append(Fit("cosine_restarts", _left(shares, predicted), parameters))
    return min(fits, key=lambda fit: fit.residual)


def _phases(units: FloatArray, first: float, multiplier: int) -> FloatArray:
    """How far each unit is through its period, from 0 to 1."""
    begin, period = 0.0, first
    phases = np.empty_like(units)
    while begin <= units[-1]:
        inside = (units >= begin) & (units < begin + period)
        phases[inside] = (units[inside] - begin) / period
        begin, period = begin + period, period * multiplier
    return phases


Basis = Callable[[FloatArray, float], tuple[FloatArray, ...]]


def _one_phase(units: FloatArray, period: float) -> tuple[FloatArray, ...]:
    """1 - cos of the phase that begins with the first unit; of small angles it keeps its digits."""
    return (2.0 * np.sin(np.pi * (units - units[0]) / period / 2.0) ** 2,)


def _any_phase(units: FloatArray, period: float) -> tuple[FloatArray, ...]:
    return (*_one_phase(units, period), np.sin(np.pi * (units - units[0]) / period))


def _cosine(units: FloatArray, shares: FloatArray, basis: Basis) -> Fit:
    """The half period that leaves least."""
    span = float(units[-1] - units[0])
    few = _few(units)
    u, v = units[few], shares[few]
    shortest = max(2.0 * float(np.min(np.diff(units))), span / 20)
    period = _least(lambda x: _left(v, _on_basis(v, *basis(u, x))[1]), shortest, LONGEST * span)
    if period is None:
        return Fit("cosine", float("inf"))
    weights, predicted = _on_basis(shares, *basis(units, period))
    floor = float(np.min(weights[0] + np.array([0.0, 2.0]) * weights[1]))
    parameters = {"half_period": period}
    if basis is _one_phase:
        parameters["floor"] = floor
    return Fit("cosine", _left(shares, predicted), parameters)


def _few(units: FloatArray) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, len(units) - 1, MAX_FITTED).astype(np.intp))


def _least(left: Callable[[float], float], low: float, high: float) -> float | None:
    """Where least is left, sought on a grid of logarithms and then between its neighbours."""
    from scipy.optimize import minimize_scalar

    def left_at(logarithm: float) -> float:
        return left(math.exp(logarithm))

    grid = np.linspace(math.log(low), math.log(high), CANDIDATES)
    best = int(np.argmin([left_at(value) for value in grid]))
    if best == CANDIDATES - 1:
        return None  # beyond the end, if anywhere
    bounds = grid[max(best - 1, 0)], grid[best + 1]
    found = minimize_scalar(left_at, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    return math.exp(found.x)


def _on_basis(shares: FloatArray, *basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights of 1 and of each column, and the prediction."""
    columns = np.stack([np.ones_like(shares), *basis], axis=1)
    weights = np.asarray(np.linalg.lstsq(columns, shares, rcond=None)[0], dtype=np.float64)
    predicted: FloatArray = columns @ weights
    return weights, predicted


def _left(shares: FloatArray, predicted: FloatArray) -> float:
    span = float(np.ptp(shares))
    return float(np.sqrt(np.mean((shares - predicted) ** 2)) / span) if span else 0.0
