"""Looks at the learning rate of every step."""

import gc
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from weakref import ref

from repro.digest import digest_json
from repro.facts.fact import Absent, Fact
from repro.facts.schedule import GroupSchedule, Parameter, Schedule
from repro.observe.lr_series import LearningRates, Levels
from repro.observe.technique import Ending, Technique, is_sampled, untrained

MAX_OPTIMIZERS = 16
MAX_GROUPS = 64  # that go another way than the first
NOTHING = 1e-6  # of the highest
MAX_SERIES = 64  # points that are shown


class ScheduleObserver(Technique):
    """Keeps the learning rates, and names their shape at the end."""

    kind: ClassVar[type[Fact]] = Schedule

    def __init__(self) -> None:
        self._seen: list[tuple[Any, LearningRates]] = []  # the optimizer weak
        self._last: tuple[Any, LearningRates, Any] | None = None

    def before_step(self, optimizer: Any, step: int) -> None:
        """Take the rates when the first group's has changed; a tensor's, at sampled steps only."""
        rates = self._rates(optimizer)
        if rates is None:
            return
        groups = optimizer.param_groups
        lr = groups[0].get("lr")
        if lr is None:
            return
        n = rates.n_steps
        is_news = hasattr(lr, "numel") or not rates.groups or lr != rates.groups[0].last
        if (is_news and not hasattr(lr, "numel")) or is_sampled(n):
            rates.look(groups)
        rates.n_steps = n + 1

    def _rates(self, optimizer: Any) -> LearningRates | None:
        for known, rates in self._seen:
            if known() is optimizer:
                return rates
        if len(self._seen) == MAX_OPTIMIZERS:
            return None
        rates = LearningRates(schedulers_of(optimizer))
        self._seen.append((ref(optimizer), rates))
        return rates

    def at_end(self, ending: Ending) -> Schedule | Absent:
        """The shape of the first group, and of those that go another way."""
        if not self._seen:
            return untrained()
        every = [(rates, levels) for _, rates in self._seen for levels in rates.groups]
        if not every:
            return Absent(reason="the optimizer has no learning rate", kind="not_applicable")
        first, *others = every
        main = _named(*first)
        groups = tuple(_others(main, others, first))
        return main.but(groups=groups)


def schedulers_of(optimizer: Any) -> list[Any]:
    """The schedulers that move this optimizer, whoever holds them; one inside another left out.

    Takes some 50 ms: the garbage collector is asked who refers to the optimizer.
    """
    from torch.optim.lr_scheduler import LRScheduler

    found = [one for one in gc.get_referrers(optimizer) if issubclass(type(one), LRScheduler)]
    inner = {id(part) for one in found for part in getattr(one, "_schedulers", ())}
    return [one for one in found if id(one) not in inner]


def _others(
    main: Schedule, others: Sequence[tuple[LearningRates, Levels]], first: tuple[Any, Levels]
) -> Any:
    shares = _shares(first[1])
    n_found = 0
    for index, (rates, levels) in enumerate(others, start=1):
        if _shares(levels) == shares or n_found == MAX_GROUPS:
            continue
        named = _named(rates, levels)
        if (named.shape, named.warm_up, named.parameters, named.digest) != (
            main.shape,
            main.warm_up,
            main.parameters,
            main.digest,
        ):
            n_found += 1
            yield GroupSchedule(
                index=index,
                shape=named.shape,
                warm_up=named.warm_up,
                digest=named.digest,
                parameters=named.parameters,
            )


def _shares(levels: Levels) -> list[tuple[int, float]]:
    assert levels.peak is not None
    highest = levels.peak[2] or 1.0
    return [(unit, float(f"{rate / highest:.9g}")) for _, unit, rate in levels.points()]


def _short(value: float) -> float:
    """Four digits, and zero for what rounding leaves of it."""
    return 0.0 if abs(value) < NOTHING else float(f"{value:.4g}")


def _named(rates: LearningRates, levels: Levels) -> Schedule:
    import numpy as np

    from repro.observe.lr_shape import Fit, shape_of, unknown

    points = levels.points()
    steps, units, values = (
        np.array(column, dtype=np.float64) for column in zip(*points, strict=True)
    )
    if len(units) > 1 and np.min(np.diff(units)) <= 0:
        units = steps  # a scheduler that is told the epoch, in fractions, counts no calls
    highest = float(values.max())
    every = (
        float((steps[-1] - steps[0]) / ((units[-1] - units[0]) or 1.0)) if len(steps) > 1 else 1.0
    )
    is_stepped = len(units) > 1 and bool(np.min(np.diff(units)) >= 2)
    if not np.all(np.isfinite(values)) or highest <= 0 or values.min() < 0:
        fit = unknown("a learning rate is not a positive number")
    elif rates.is_adaptive:
        fit = Fit("plateau")
    else:
        fit = shape_of(units, values / highest, is_whole=levels.is_whole, is_stepped=is_stepped)
    unit: Literal["step", "interval"] = "interval" if rates.counts_calls and every > 1.5 else "step"
    is_known = fit.shape != "unknown"
    return Schedule(
        shape=fit.shape,
        unit=unit if fit.warm_up or fit.parameters else None,
        warm_up=round(fit.warm_up),
        parameters=tuple(
            Parameter(name=name, value=_short(value)) for name, value in fit.parameters.items()
        ),
        digest=None if is_known else digest_json(_shares(levels)),
        every=round(every, 3),
        start=float(f"{values[0] / (highest or 1.0):.6g}"),
        final=float(f"{values[-1] / (highest or 1.0):.6g}"),
        residual=fit.residual if math.isfinite(fit.residual) else None,
        reason=fit.reason,
        n_levels=levels.n_seen,
        series=tuple(
            (points[i][0], points[i][2])
            for i in sorted({round(i) for i in np.linspace(0, len(points) - 1, MAX_SERIES)})
        ),
    )
